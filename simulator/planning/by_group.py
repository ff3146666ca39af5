"""What a comparison says of each class of queries, and each phase of the load, that both sides have; and of doors."""

from collections.abc import Sequence

from simulator.base.groups import CLASS, KINDS, PHASE, Group
from simulator.documents import parts, run
from simulator.planning.sides import LOWER, Measure, Side, in_order, mean_and_failed, too_few
from simulator.scenario import Scenario
from simulator.stats.admission import is_shed
from simulator.stats.attempts import as_queries, asked
from simulator.stats.figures import S_PER_NS, Pool, key_of, part_of
from simulator.stats.groups import series_of
from simulator.stats.means import NOTHING
from simulator.stats.paired import LeftOut, quantile_left_out, ratio_left_out
from simulator.stats.quantiles import Quantile, Series
from simulator.stats.share import FEWEST_EXCEEDANCES

#: How many queries a door sheds.
SHED_RATIO = "shed_ratio"
#: Why nothing is known of a group.
TOO_RARE = {CLASS: "a replication has no query of the class", PHASE: "a replication has no query in the phase"}


def groups_of(side: Scenario | Side) -> list[Group]:
    """Classes of queries and phases of the load, in order."""
    names = side.group_names() if isinstance(side, Side) else side.load.group_names()
    return [Group(kind, name) for kind in KINDS for name in names[kind]]


def common_groups(a: Scenario | Side, b: Scenario | Side) -> list[Group]:
    """Those that both have, in the order of A."""
    other = groups_of(b)
    return [group for group in groups_of(a) if group in other]


def group_measures(
    side: Side, groups: Sequence[Group], percentiles: Sequence[float], replications: Sequence[int]
) -> dict[str, Measure]:
    """The figures of some groups of a run, over some of its replications, as a run gives them.

    What all queries of a group have in common is its name: two sides may draw who is of a class by other shares, and
    give its queries other work; and have a phase at another time. ``percentiles`` in percent.
    """
    if not groups:
        return {}
    pool = asked(Pool([side.traces[number] for number in replications]))
    measures: dict[str, Measure] = {}
    for kind in KINDS:
        names = [group.name for group in groups if group.kind == kind]
        of = (
            [side.group_of(kind, n)[trace.first_measured :] for n, trace in zip(replications, pool.traces, strict=True)]
            if names
            else []
        )
        for name in names:
            place = side.group_names()[kind].index(name)
            series = series_of(pool.latency(None), [one == place for one in of])
            if series is None:
                seen = _nothing(kind, percentiles, len(replications))
            else:
                seen = _seen(side.said_of(kind)[place], series, percentiles)
            measures |= {f"{kind}.{name}.{figure}": measure for figure, measure in seen.items()}
    return measures


def _seen(said: run.OfClass, latency: Series, percentiles: Sequence[float]) -> dict[str, Measure]:
    printed = said["latency_s"]
    mean: parts.Interval = NOTHING.to_dict() if printed is None else printed["mean"]
    ascending, by_name = in_order(latency), mean_and_failed(latency, mean)
    for percent in percentiles:
        left_out, own = quantile_left_out(ascending, part_of(percent)), latency.quantile(part_of(percent))
        is_rare = own.exceedances < FEWEST_EXCEEDANCES and not own.infinite
        by_name[key_of(percent)] = _percentile(left_out, own, too_few(own.exceedances) if is_rare else "")
    return by_name


def _percentile(left_out: LeftOut, own: Quantile, reason: str) -> Measure:
    return Measure("s", LOWER, left_out.scaled(S_PER_NS), reason=reason, own=lambda: own.scaled(S_PER_NS))


def _nothing(kind: str, percentiles: Sequence[float], replications: int) -> dict[str, Measure]:
    """Of a group that some replication has no query of."""
    unknown = ratio_left_out([0.0] * replications, [0.0] * replications)
    units = {"mean": "s", **{key_of(percent): "s" for percent in percentiles}, "failed_ratio": "ratio"}
    return {name: Measure(unit, LOWER, unknown, reason=TOO_RARE[kind]) for name, unit in units.items()}


def has_door(side: Scenario | Side) -> bool:
    """Whether some queries of a side may be shed."""
    if isinstance(side, Side):
        return "admission" in side.document
    return side.admission is not None or (side.client is not None and side.client.sheds)


def door_measures(side: Side, replications: Sequence[int]) -> dict[str, Measure]:
    """How many queries a side sheds, over some of its replications."""
    shed = [is_shed(as_queries(side.traces[number])) for number in replications]
    ratio = ratio_left_out([float(one.sum()) for one in shed], [float(len(one)) for one in shed])
    return {SHED_RATIO: Measure("ratio", LOWER, ratio)}
