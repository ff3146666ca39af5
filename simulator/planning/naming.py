"""Names of the figures that are compared, in their order."""

from collections.abc import Collection, Sequence

from simulator.base.groups import Group
from simulator.stats.figures import key_of

#: The figure of a stage whose mergers queries queue for.
MERGERS = "mergers_utilisation"

#: The figures of partial answers, of whole queries and of a stage.
GATHERED, GATHERED_OF_STAGE = ("coverage", "partial_ratio"), ("coverage", "wasted_ratio")
#: And of a stage that sends copies.
HEDGED_OF_STAGE = ("wasted_ratio",)

#: And of one whose replicas come and go.
HOURS = "replica_hours"

#: Of the latency of a stage, in percent.
STAGE_PERCENTILES = (50.0, 99.0)


def figure_names(
    stages: Sequence[str],
    merging: Collection[str],
    partial: Collection[str],
    hedged: Collection[str],
    scaled: Collection[str],
    groups: Sequence[Group],
    percentiles: Sequence[float],
) -> list[str]:
    """Names of all figures, in the order in which they are shown.

    ``merging``: the stages with mergers; ``partial``: those that may close without all of their answers; ``hedged``:
    those that send tasks again; ``scaled``: those whose replicas come and go. ``groups``: of queries.
    """
    of_latency = ["mean", *map(key_of, percentiles)]
    whole = [*of_latency, "completed", "goodput", "failed_ratio", *(GATHERED if partial else ())]
    each = [f"{group}.{one}" for group in groups for one in (*of_latency, "failed_ratio")]
    for name in stages:
        what = [*map(key_of, STAGE_PERCENTILES), "utilisation", "hottest", *([MERGERS] if name in merging else [])]
        what += GATHERED_OF_STAGE if name in partial else HEDGED_OF_STAGE if name in hedged else ()
        what += [HOURS] if name in scaled else []
        each += [f"stage.{name}.{one}" for one in what]
    return [*whole, *each, "machines", "usd_per_h", "usd_per_million_queries"]
