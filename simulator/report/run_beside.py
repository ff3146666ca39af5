"""Lines of the table of a run: which queries take a stage, and whom it shares replicas and machines with."""

from simulator.base.formats import counted
from simulator.documents import parts, run
from simulator.report import text


def taken_lines(result: run.Run) -> list[str]:
    """A line for each stage that not every query takes: how many do."""
    lines = []
    for stage in result["stages"]:
        if "taken_ratio" in stage:
            shown = text.interval(stage["taken_ratio"], text.ratio)
            whose = "of the queries that are admitted" if "admission" in result else "of the queries"
            share = f"{text.ratio(stage['taken_ratio']['value'])} {whose} ({shown})"
            lines.append(f"{stage['name']} is taken by {share}, and its figures are theirs")
    return lines


def source_rows(stage: run.Stage, tail: str) -> list[list[str]]:
    """A row of each source of a stage that has several, in the columns of the table of stages."""
    return [
        [
            f"  {source['name']}",
            f"{counted(source['shards'], 'shard')}, {counted(source['replicas_left'], 'replica')}",
            "",
            text.duration(source["latency_s"]["mean"]["value"]),
            text.duration_interval(parts.interval_of(source["latency_s"], tail))[0] if tail else text.DASH,
            "",
            "",
            text.ratio(source["utilisation"]["mean"]["value"]),
            text.ratio(source["utilisation"]["max"]),
            text.ratio(source["demand"]["max"]),
        ]
        for source in stage.get("sources", [])
    ]


def source_lines(result: run.Run) -> list[str]:
    """A line for each stage that has several sources: how often the last answer is of each."""
    lines = []
    for stage in result["stages"]:
        each = [(source["name"], source["critical_ratio"]) for source in stage.get("sources", [])]
        shares = [f"{name} {text.ratio(one['value'])} ({text.interval(one, text.ratio)})" for name, one in each]
        if shares:
            lines.append(f"the last answer of {stage['name']} is of {', '.join(shares)}")
    return lines


def cache_lines(result: run.Run) -> list[str]:
    """A line for each stage with a cache: how many queries it answers; and what theory says of that."""
    lines = []
    for stage, paper in zip(result["stages"], result["theory"]["stages"], strict=True):
        if "hit_ratio" in stage:
            shown = text.interval(stage["hit_ratio"], text.ratio)
            found = f"{text.ratio(stage['hit_ratio']['value'])} of its queries ({shown})"
            about = text.ratio(paper["cache"]["hit_ratio"])
            lines.append(f"the cache of {stage['name']} answers {found}; about {about} by Che's approximation")
    return lines


def company_lines(result: run.Run) -> list[str]:
    """A line for each stage that others run on: what each takes of the time of its workers."""
    lines = []
    for owner in result["stages"]:
        beside = [stage for stage in result["stages"] if stage.get("runs_on") == owner["name"]]
        if beside:
            each = [(stage["name"], stage["own_utilisation"]["value"]) for stage in (owner, *beside)]
            parts_of = ", ".join(f"{name} {text.ratio(value)}" for name, value in each)
            lines.append(f"of the time of the workers of {owner['name']}: {parts_of}")
    return lines


def machine_lines(result: run.Run) -> list[str]:
    """A line for each stage on whose machines others are: how busy these are with all of them."""
    lines = []
    for home in result["stages"]:
        if "machine_utilisation" in home:
            names = [stage["name"] for stage in result["stages"] if stage.get("colocate") == home["name"]]
            busy = text.ratio(home["machine_utilisation"]["value"])
            lines.append(f"machines of {home['name']}, and of {', '.join(names)}: {busy} of all their workers' time")
    return lines
