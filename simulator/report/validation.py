"""What a valid scenario is, in words."""

from simulator.base.formats import counted, format_count, format_rate, format_size
from simulator.base.room import MUCH_BYTES
from simulator.documents import validation
from simulator.report.clients import asking_lines
from simulator.report.peak import peak_lines
from simulator.report.text import notes, ratio, rendered


def validation_table(document: validation.Validation, width: int | None = None, color: bool = False) -> str:
    """A validation (``Validation.to_dict``) as text: how large, how busy, and how many queries it needs."""
    sizes = {"stage": document["stages"], "shard": document["shards"], "replica": document["replicas"]}
    fleet = ", ".join(counted(count, what) for what, count in sizes.items())
    runs = f"{document['replications']:,} x {counted(document['queries'], 'query')}, "
    runs += counted(document["tasks"], "task", format_count)
    saturation_per_s = document["saturation_per_s"]
    limit = "no rate" if saturation_per_s is None else format_rate(saturation_per_s)
    most = "most " if "clients" in document else ""
    load = f"demand {ratio(document['demand'])} at {most}{format_rate(document['rate_per_s'])}"
    if document["memory_bytes"] >= MUCH_BYTES:
        runs += f", about {format_size(document['memory_bytes'])} of memory"
    lines = [
        f"{document['source']}: valid. {document['scenario']}: {fleet}; {runs}",
        f"bottleneck: {load}, saturated at {limit}",
        *asking_lines(document),
        *peak_lines(document),
    ]
    percentile, enough = document["percentile"], document["enough_queries"]
    if enough is None and document["demand"] < 1:
        lines.append("beyond saturation a backlog decides latency: replications, not queries, make percentiles precise")
    elif enough is None and document["is_bounded"]:
        lines.append("beyond saturation its queues stay full, and bounded: a run says who is served, and how fast")
    elif enough is None and not document["is_certain"]:
        lines.append("beyond saturation, if all that is asked comes so far: latency then grows with the run's length")
    elif enough is None:
        lines.append("beyond saturation latency grows with the length of the run: no percentile means anything")
    else:
        there = format_count(document["queries"] * document["replications"])
        needed = f"an honest p{percentile:g} takes about {counted(enough, 'query', format_count)} in all"
        lines.append(f"{needed}; there are {there}")
    return rendered([*lines, *notes(document["notes"])], width, color)
