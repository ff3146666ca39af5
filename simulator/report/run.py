"""The table of a run."""

from typing import Any

from simulator.base.formats import counted, format_count, format_duration, format_rate
from simulator.documents import paper, parts, run
from simulator.report import groups, run_beside, text
from simulator.report.admission import door_lines, shed_lines
from simulator.report.causes import causes_table
from simulator.report.clients import asking_lines, cycle_lines, each_waits
from simulator.report.fleet import fleet_line
from simulator.report.peak import peak_lines

#: A load that came so much faster or slower than it was measured over its window, as a part: it is said between what.
FAR_FROM_OWN = 0.25

_WORDS = {True: "met", False: "FAILED", None: "inconclusive"}


def run_table(result: run.Run, width: int | None = None, color: bool = False) -> str:
    """A result (``Result.to_dict``) as text: latency, stages, objectives, theory, notes."""
    return text.rendered(run_parts(result), width, color)


def run_parts(result: run.Run) -> list[Any]:
    """Its lines and tables, from top to bottom."""
    shown: list[Any] = [
        *_head(result),
        "",
        _latency(result),
        "",
        _stages(result),
        *groups.tables(result),
        *run_beside.taken_lines(result),
        *run_beside.source_lines(result),
        *run_beside.cache_lines(result),
        *_batches(result),
        *_gathered(result),
        *_hedged(result),
        *_besides(result),
        *_crashed(result),
        *_scaled(result),
        *_afters(result),
        *_shared(result),
        *run_beside.company_lines(result),
        *run_beside.machine_lines(result),
        "",
        _critical(result),
        *causes_table(result),
    ]
    if result["slos"]:
        shown += [
            "",
            text.table(["objective", "verdict", "value", "95 % interval"], [slo_row(slo) for slo in result["slos"]], 2),
        ]
    shown += ["", fleet_line(result["fleet"]), *_theory(result["theory"]), *_engines(result.get("engine_check"))]
    return [*shown, *text.notes([*result["notes"], *_reasons(result["slos"])])]


def _head(result: run.Run) -> list[str]:
    load = result["load"]
    burst = [f"gaps have CV {load['gap_cv']:.2f}"] if load["gap_cv"] is not None else []
    seen = {window: value for window, value in load["dispersion"].items() if value is not None}
    if seen:
        values = "/".join(f"{value:.3g}" for value in seen.values())
        burst.append(f"index of dispersion {values} at {'/'.join(seen)}")
    each = f"{result['replications']} x {counted(result['queries'] / result['replications'], 'query')} measured"
    own = format_rate(result["theory"]["rate_per_s"])
    lines = [
        parts.title_of(result),
        f"{each} at {own}, seed {result['seed']}, {result['engine']} engine: {result['verdict']}",
    ]
    if load["rate_per_s"] is not None:
        is_far = abs(load["rate_per_s"] / result["theory"]["rate_per_s"] - 1) > FAR_FROM_OWN
        between = " from its first arrival to its last" if is_far else ""
        lines.append(f"load as it came: {load['rate_per_s']:.4g}/s{between}, " + ", ".join(burst))
    return [*lines, *cycle_lines(result), *shed_lines(result)]


def _latency(result: run.Run) -> Any:
    checks = {check["statistic"]: check for check in result["theory"]["checks"] if check["stage"] is None}
    rows = []
    latency = result["latency_s"]
    for name in ("mean", *parts.percentiles_of(latency)):
        figure = parts.interval_of(latency, name)
        check = checks.get(name)
        theory = ["", ""]
        if check is not None:
            sign = {"exact": "", "upper bound": "<= ", "lower bound": ">= "}[check["kind"]]
            expected = "infinite" if check["expected"] is None else format_duration(check["expected"])
            theory = [sign + expected, check["verdict"] if figure is not None else ""]
        rows.append([name, *text.duration_interval(figure), *theory])
    rows.append(["max", text.duration(latency["max"]), "", "", ""])
    return text.table(["latency", "value", "95 % interval", "theory", ""], rows)


def _stages(result: run.Run) -> Any:
    rows = []
    tail = _tail(result)
    for stage in result["stages"]:
        fewest = f"{stage['fewest_replicas']}.." if "fewest_replicas" in stage else ""
        visited = f"{stage['shards_visited']:.3g} of " if "shards_visited" in stage else ""
        fleet = f"{visited}{stage['shards']} x {fewest}{stage['replicas']} x {stage['workers']}"
        if "runs_on" in stage:
            fleet = f"{visited}{stage['shards']} on {stage['runs_on']}"
        use = stage["utilisation"]
        into, out = stage["candidates"]["in"]["value"], stage["candidates"]["out"]["value"]
        rows.append(
            [
                stage["name"],
                fleet,
                text.DASH if into is None or out is None else f"{format_count(into)} -> {format_count(out)}",
                text.duration(stage["latency_s"]["mean"]["value"]),
                text.duration_interval(parts.interval_of(stage["latency_s"], tail))[0] if tail else text.DASH,
                text.duration(stage["wait_s"]["value"]),
                text.duration(stage["service_s"]["value"]),
                text.ratio(use["mean"]["value"]),
                text.ratio(use["max"]),
                text.ratio(stage["demand"]["max"]),
            ]
        )
        rows += run_beside.source_rows(stage, tail)
        if "mergers" in stage:
            mergers = stage["mergers"]
            service, used = text.duration(mergers["service_s"]), text.ratio(mergers["utilisation"]["value"])
            name, demand = f"{stage['name']} mergers", text.ratio(mergers["demand"])
            rows.append([name, str(mergers["count"]), "", "", "", "", service, used, "", demand])
    columns = ["stage", "shards x replicas x workers", "candidates", "latency", tail, "task wait", "task service"]
    return text.table([*columns, "utilisation", "hottest", "demand"], rows)


def _batches(result: run.Run) -> list[str]:
    """A line for each stage that serves several tasks at once: how many, and how often one alone and the most."""
    lines = []
    for stage in result["stages"]:
        if "batches" not in stage or not stage["batches"]["sizes"]:
            continue
        sizes = stage["batches"]["sizes"]
        ends = [sizes[0], sizes[-1]] if len(sizes) > 1 else sizes
        shares = ", ".join(f"{end['size']} in {text.ratio(end['share'])}" for end in ends)
        mean = stage["batches"]["mean_size"]["value"]
        many = f"{text.DASH} tasks" if mean is None else counted(mean, "task", text.number)
        lines.append(f"{stage['name']} serves {many} at once on average: {shares} of its batches")
    return lines


def _gathered(result: run.Run) -> list[str]:
    """A line for each stage that does not wait for all answers: what it goes on with, and what becomes of others."""
    lines = []
    for stage in result["stages"]:
        if "gather" not in stage:
            continue
        said = stage["gather"]
        seen = {"partial": said["partial_ratio"]["value"], "failed": said["failed_ratio"]["value"]}
        parts_of = [f"{name} {text.ratio(value)}" for name, value in seen.items() if value]
        outcome = f"; queries: {', '.join(parts_of)}" if parts_of else ""
        covered = text.ratio(said["coverage"]["value"])
        lines.append(f"{stage['name']} covers {covered}{outcome}{_refused(said)}{_unneeded(said)}")
    return lines


def _refused(said: run.Gathering) -> str:
    """How many came to full queues, where these may be."""
    return f"; tasks refused {text.ratio(said['refused_ratio']['value'])}" if "refused_ratio" in said else ""


def _unneeded(said: run.Unneeded) -> str:
    """What became of tasks that nobody needed."""
    fate = [
        ("withdrawn", said["withdrawn_ratio"]["value"]),
        ("stopped", said["stopped_ratio"]["value"]),
        ("late", said["late_ratio"]["value"]),
    ]
    tasks = [f"{text.ratio(value)} {name}" for name, value in fate if value]
    return f"; tasks: {', '.join(tasks)}; work wasted {text.ratio(said['wasted_ratio']['value'])}" if tasks else ""


def _hedged(result: run.Run) -> list[str]:
    """A line for each stage that sends copies: after which time, how many, and what becomes of those not needed."""
    lines = []
    for stage in result["stages"]:
        if "hedge" in stage:
            said = stage["hedge"]
            after = f"after {text.duration(said['after_s'])}" if said["after_s"] else "with each task"
            when = f"{stage['name']} sends a copy {after}"
            spare = "" if "gather" in stage else _unneeded(said).replace("tasks:", "of all:")  # which says the same
            lines.append(f"{when}: {text.ratio(said['copies_ratio']['value'])} of its tasks{spare}")
    return lines


def _crashed(result: run.Run) -> list[str]:
    """A line for each stage whose replicas crash: how much of the time they were down, and what became of tasks."""
    lines = []
    for stage in result["stages"]:
        if "failures" not in stage:
            continue
        said = stage["failures"]
        long_run = f"{text.ratio(1 - said['up_ratio'])} in the long run"
        line = f"{stage['name']} replicas are down {text.ratio(said['down_ratio']['value'])} of the time ({long_run})"
        if "lost_ratio" in said:
            lost, work = text.ratio(said["lost_ratio"]["value"]), text.ratio(said["lost_work_ratio"]["value"])
            line += f"; tasks lost {lost}, sent again {text.ratio(said['resent_ratio']['value'])}; work lost {work}"
        lines.append(line)
    return lines


def _scaled(result: run.Run) -> list[str]:
    """A line for each stage whose replicas are scaled: how many served, what that comes to, and when it was too few."""
    lines = []
    for stage in result["stages"]:
        if "autoscale" not in stage:
            continue
        said = stage["autoscale"]
        number, hours = said["replicas"], text.number(said["replica_hours"]["value"])
        serve = (
            f"{number['least']} to {number['most']} replicas serve, {text.number(number['mean']['value'])} on average"
            f"{' of each shard' * (stage['shards'] > 1)}"
        )
        in_all = " of all shards" * (stage["shards"] > 1)
        below = f"too few {text.ratio(said['below_need_ratio']['value'])} of the time"
        lines.append(
            f"{stage['name']} is scaled ({said['rule']}): {serve}: {hours} replica hours a run{in_all}; {below}"
        )
    return lines


def _afters(result: run.Run) -> list[str]:
    """A line for each stage whose workers stay taken when their answers have gone."""
    kept = {stage["name"]: stage["after_answer_s"]["value"] for stage in result["stages"] if "after_answer_s" in stage}
    return [f"{name} keeps a worker {text.duration(after_s)} after a task's answer" for name, after_s in kept.items()]


def _shared(result: run.Run) -> list[str]:
    """A line for each stage whose tasks share the workers of their replica: how much longer that makes them."""
    lines = []
    for stage in result["stages"]:
        wait_s, service_s = stage["wait_s"]["value"], stage["service_s"]["value"]
        if "sharing" in stage and wait_s is not None and service_s:
            longer = text.number((wait_s + service_s) / service_s)
            lines.append(f"{stage['name']} shares its workers: a task is there {longer} times as long as alone")
    return lines


def _besides(result: run.Run) -> list[str]:
    """A line for each stage whose replicas have work of their own: how much of their workers' time that takes."""
    lines = []
    for stage in result["stages"]:
        if "background" in stage:
            said = stage["background"]
            busy, often = text.ratio(said["busy_ratio"]["value"]), text.rate(said["tasks_per_s"]["value"])
            lines.append(f"{stage['name']} works besides: {busy} of its workers' time, {often} a replica")
    return lines


def _critical(result: run.Run) -> Any:
    rows, is_hedged = [], any("hedge_wait_s" in stage for stage in result["stages"])
    for stage in result["stages"]:
        critical = stage["critical"]
        means = [critical["wait_s"], critical["service_s"], stage["network_s"], stage["merge_s"], stage["straggler_s"]]
        shown = [text.duration(part["mean"]["value"]) for part in means]
        if is_hedged:
            shown.insert(0, text.duration(stage["hedge_wait_s"]["mean"]["value"]) if "hedge_wait_s" in stage else "")
        rows.append([stage["name"], *shown, text.number(stage["largest_over_mean_share"])])
    hedge = ["hedge"] if is_hedged else []
    columns = ["critical task, mean", *hedge, "wait", "service", "network", "merge", "straggler", "largest/mean share"]
    return text.table(columns, rows)


def _tail(result: run.Run) -> str:
    """The highest percentile that every stage supports; the lowest, if there is none: a column has a name."""
    stages = [parts.percentiles_of(stage["latency_s"]) for stage in result["stages"]]
    names = [*parts.percentiles_of(result["latency_s"])]
    fit = [name for name in names if all(percentiles[name] is not None for percentiles in stages)]
    return fit[-1] if fit else "".join(names[:1])


def slo_row(slo: parts.Verdict) -> list[str]:
    """Objective, verdict, value and interval of a verdict (``Verdict.to_dict``)."""
    value, low, high = slo["value"], slo["low"], slo["high"]
    if slo["unit"] == "s":
        cells = text.duration_interval({"value": value, "low": low, "high": high} if value is not None else None)
        share = slo.get("bad_share")
        if value is None and share is not None:
            value_late, low_late, high_late = (text.ratio(share[key]) for key in ("value", "low", "high"))
            cells = f"{value_late} late", f"{low_late} .. {high_late} late"
    else:
        ends: parts.Interval = {"value": value, "low": low, "high": high}
        has_ends = slo["unit"] != "usd_per_h" or slo["low"] != slo["high"]  # else it is arithmetic
        shown = text.interval(ends, lambda end: text.of_unit(end, slo["unit"])) if has_ends else ""
        cells = text.of_unit(value, slo["unit"]), shown
    return [slo["slo"], _WORDS[slo["met"]], *cells]


def _reasons(slos: list[parts.Verdict]) -> list[str]:
    return [f"{slo['slo']}: {slo['reason']}" for slo in slos if slo.get("reason")]


def _theory(theory: paper.Theory) -> list[str]:
    bottleneck = theory["bottleneck"]
    lines = [
        f"theory: bottleneck {parts.station_of(bottleneck)} at demand {text.ratio(bottleneck['demand'])}; "
        f"saturated at {text.rate(theory['saturation_per_s'])}"
    ]
    lines += [f"        {line}" for line in (*asking_lines(theory), *door_lines(theory), *peak_lines(theory))]
    zero = theory["zero_load_s"]
    if zero is not None:
        percentiles = paper.zero_load_percentiles(zero)
        empty = ", ".join(f"{name} {format_duration(percentiles[name])}" for name in ("mean", "p50", "p95", "p99"))
        if zero["kind"] == "exact":
            empty = format_duration(zero["mean"])
        lines.append(f"        an empty system answers in {empty} ({zero['kind']})")
    closed = [check for check in theory["checks"] if check["statistic"] not in ("area", "lost", "clients")]
    for law in dict.fromkeys(check["law"] for check in closed):
        here = [check for check in closed if check["law"] == law]
        lines.append(f"        {law}: {', '.join(_checked(here))}")
    if len(closed) < len(theory["checks"]):
        lines.append("        Little's law and flow balance hold in every stage" + each_waits(theory))
    return lines


def _engines(check: run.EngineCheck | None) -> list[str]:
    if check is None:
        return []
    what = f"{counted(check['tasks'], 'task')} of {counted(check['queries'], 'query')}"
    return [f"engines: compiled and reference agree on every instant of {what}"]


def _checked(checks: list[paper.Finding]) -> list[str]:
    """How many figures agree with a law; those outside their interval by name."""
    words = []
    agree = sum(check["verdict"] == "agrees" for check in checks)
    if agree:
        words.append(f"{agree} figure{'s' if agree > 1 else ''} agree{'' if agree > 1 else 's'}")
    outside = [check for check in checks if check["verdict"] == "outside 95 %"]
    if outside:
        names = (
            f"{check['stage']} {check['statistic']}" if check["stage"] else check["statistic"] for check in outside
        )
        words.append(f"outside their 95 % interval: {' and '.join(names)}")
    rest = len(checks) - agree - len(outside)
    if rest:
        words.append(f"{rest} not checked: not supported, or too short a run")
    return words
