"""What a comparison says of each class of queries that both sides have."""

from collections.abc import Sequence

from simulator.documents import parts
from simulator.planning.sides import LOWER, Measure, Side, by_replication, mean_and_failed, too_few
from simulator.scenario import Scenario
from simulator.stats.classes import series_of
from simulator.stats.figures import S_PER_NS, Pool, key_of, part_of
from simulator.stats.means import NOTHING
from simulator.stats.paired import LeftOut, quantile_left_out, ratio_left_out
from simulator.stats.quantiles import Quantile, Series
from simulator.stats.share import FEWEST_EXCEEDANCES

#: Why nothing is known of a class.
TOO_RARE = "a replication has no query of the class"


def common_classes(a: Scenario | Side, b: Scenario | Side) -> list[str]:
    """Names of the classes that both have, in the order of A."""
    one, two = (
        side.classes if isinstance(side, Side) else [each.name for each in side.load.of_classes] for side in (a, b)
    )
    return [name for name in one if name in two]


def class_measures(
    side: Side, names: Sequence[str], percentiles: Sequence[float], replications: Sequence[int]
) -> dict[str, Measure]:
    """The figures of some classes of a run, over some of its replications, as a run gives them.

    What all queries of a class have in common is its name: two sides may draw who is of it by other shares, and give
    its queries other work. ``percentiles`` in percent.
    """
    if not names:
        return {}
    pool = Pool([side.traces[number] for number in replications])
    measures: dict[str, Measure] = {}
    of = [side.class_of(number)[side.traces[number].first_measured :] for number in replications]
    for name in names:
        place = side.classes.index(name)
        series = series_of(pool.latency(None), [one == place for one in of])
        found = _nothing(percentiles, len(replications)) if series is None else _seen(side, place, series, percentiles)
        measures |= {f"class.{name}.{figure}": measure for figure, measure in found.items()}
    return measures


def _seen(side: Side, place: int, latency: Series, percentiles: Sequence[float]) -> dict[str, Measure]:
    printed = side.document["classes"][place]["latency_s"]
    mean: parts.Interval = NOTHING.to_dict() if printed is None else printed["mean"]
    ascending, by_name = by_replication(latency), mean_and_failed(latency, mean)
    for percent in percentiles:
        left_out, own = quantile_left_out(ascending, part_of(percent)), latency.quantile(part_of(percent))
        is_rare = own.exceedances < FEWEST_EXCEEDANCES and not own.infinite
        by_name[key_of(percent)] = _percentile(left_out, own, too_few(own.exceedances) if is_rare else "")
    return by_name


def _percentile(left_out: LeftOut, own: Quantile, reason: str) -> Measure:
    return Measure("s", LOWER, left_out.scaled(S_PER_NS), reason=reason, own=lambda: own.scaled(S_PER_NS))


def _nothing(percentiles: Sequence[float], replications: int) -> dict[str, Measure]:
    """Of a class that some replication has no query of."""
    unknown = ratio_left_out([0.0] * replications, [0.0] * replications)
    units = {"mean": "s", **{key_of(percent): "s" for percent in percentiles}, "failed_ratio": "ratio"}
    return {name: Measure(unit, LOWER, unknown, reason=TOO_RARE) for name, unit in units.items()}
