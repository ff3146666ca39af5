"""The table of a run."""

from __future__ import annotations

from typing import Any

from simulator.base.units import format_count, format_duration, format_rate
from simulator.report.fleet import fleet_line
from simulator.report.text import DASH, duration, duration_interval, number, rate, ratio, rendered, table

_WORDS = {True: "met", False: "FAILED", None: "inconclusive"}


def run_table(result: dict[str, Any], width: int = 120, color: bool = False) -> str:
    """A result (``Result.to_dict``) as text: latency, stages, objectives, theory, notes."""
    parts: list[Any] = [*_head(result), "", _latency(result), "", _stages(result), "", _critical(result)]
    if result["slos"]:
        parts += [
            "",
            table(["objective", "verdict", "value", "95 % interval"], [slo_row(slo) for slo in result["slos"]], 2),
        ]
    parts += ["", fleet_line(result["fleet"]), *_theory(result["theory"]), *_engines(result.get("engine_check"))]
    notes = [*result["notes"], *_reasons(result["slos"])]
    if notes:
        parts += ["", *(f"note: {note}" for note in notes)]
    return rendered(parts, width, color)


def _head(result: dict[str, Any]) -> list[str]:
    title = result["scenario"] + (f": {result['description']}" if result["description"] else "")
    load = result["load"]
    burst = [f"gaps have CV {load['gap_cv']:.2f}"] if load["gap_cv"] is not None else []
    seen = {window: value for window, value in load["dispersion"].items() if value is not None}
    if seen:
        values = "/".join(f"{value:.3g}" for value in seen.values())
        burst.append(f"index of dispersion {values} at {'/'.join(seen)}")
    per = result["queries"] / result["replications"]
    each = f"{result['replications']} x {per:,.0f} queries measured"
    asked = format_rate(result["theory"]["rate_per_s"])
    lines = [title, f"{each} at {asked}, seed {result['seed']}, {result['engine']} engine: {result['verdict']}"]
    if load["rate_per_s"] is not None:
        lines.append(f"load as it came: {load['rate_per_s']:.4g}/s, " + ", ".join(burst))
    return lines


def _latency(result: dict[str, Any]) -> Any:
    checks = {check["statistic"]: check for check in result["theory"]["checks"] if check["stage"] is None}
    rows = []
    for name, found in result["latency_s"].items():
        if name == "max":
            rows.append(["max", duration(found), "", "", ""])
            continue
        value, interval = duration_interval(found)
        check = checks.get(name)
        theory = ["", ""]
        if check is not None:
            sign = {"exact": "", "upper bound": "<= ", "lower bound": ">= "}[check["kind"]]
            theory = [sign + format_duration(check["expected"]), check["verdict"] if found is not None else ""]
        rows.append([name, value, interval, *theory])
    return table(["latency", "value", "95 % interval", "theory", ""], rows)


def _stages(result: dict[str, Any]) -> Any:
    rows = []
    tail = _tail(result)
    for stage in result["stages"]:
        fleet = f"{stage['shards']} x {stage['replicas']} x {stage['workers']}"
        use = stage["utilisation"]
        into, out = stage["candidates"]["in"]["value"], stage["candidates"]["out"]["value"]
        rows.append(
            [
                stage["name"],
                fleet,
                DASH if into is None else f"{format_count(into)} -> {format_count(out)}",
                duration(stage["latency_s"]["mean"]["value"]),
                duration_interval(stage["latency_s"][tail])[0] if tail else DASH,
                duration(stage["wait_s"]["value"]),
                duration(stage["service_s"]["value"]),
                ratio(use["mean"]["value"]),
                ratio(use["max"]),
            ]
        )
    columns = ["stage", "shards x replicas x workers", "candidates", "latency", tail, "task wait", "task service"]
    return table([*columns, "utilisation", "hottest"], rows)


def _critical(result: dict[str, Any]) -> Any:
    rows = []
    for stage in result["stages"]:
        critical = stage["critical"]
        means = [critical["wait_s"], critical["service_s"], stage["network_s"], stage["merge_s"], stage["straggler_s"]]
        share = number(stage["largest_over_mean_share"])
        rows.append([stage["name"], *(duration(found["mean"]["value"]) for found in means), share])
    return table(
        ["critical task, mean", "wait", "service", "network", "merge", "straggler", "largest/mean share"], rows
    )


def _tail(result: dict[str, Any]) -> str:
    """The highest percentile that every stage supports."""
    names = [name for name in result["latency_s"] if name not in ("mean", "max")]
    fit = [name for name in names if all(stage["latency_s"][name] is not None for stage in result["stages"])]
    return fit[-1] if fit else ""


def slo_row(slo: dict[str, Any]) -> list[str]:
    """Objective, verdict, value and interval of a verdict (``Verdict.to_dict``)."""
    value, low, high = slo["value"], slo["low"], slo["high"]
    if slo["unit"] == "s":
        cells = duration_interval({"value": value, "low": low, "high": high} if value is not None else None)
        share = slo.get("bad_share")
        if value is None and share is not None:
            cells = f"{ratio(share['value'])} late", f"{ratio(share['low'])} .. {ratio(share['high'])} late"
    else:
        show = ratio if slo["unit"] == "ratio" else lambda x: DASH if x is None else format_rate(x)
        cells = show(value), f"{show(low)} .. {show(high)}" if low is not None else ""
    return [slo["slo"], _WORDS[slo["met"]], *cells]


def _reasons(slos: list[dict[str, Any]]) -> list[str]:
    return [f"{slo['slo']}: {slo['reason']}" for slo in slos if slo.get("reason")]


def _theory(theory: dict[str, Any]) -> list[str]:
    bottleneck = theory["bottleneck"]
    where = f"{bottleneck['stage']}, shard {bottleneck['shard']}, replica {bottleneck['replica']}"
    lines = [
        f"theory: bottleneck {where} at utilisation {ratio(bottleneck['utilisation'])}; "
        f"saturated at {rate(theory['saturation_per_s'])}"
    ]
    zero = theory["zero_load_s"]
    if zero is not None:
        empty = ", ".join(f"{name} {format_duration(zero[name])}" for name in ("mean", "p50", "p95", "p99"))
        if zero["kind"] == "exact":
            empty = format_duration(zero["mean"])
        lines.append(f"        an empty system answers in {empty} ({zero['kind']})")
    closed = [check for check in theory["checks"] if check["statistic"] not in ("area", "lost")]
    for law in dict.fromkeys(check["law"] for check in closed):
        here = [check for check in closed if check["law"] == law]
        lines.append(f"        {law}: {', '.join(_checked(here))}")
    if len(closed) < len(theory["checks"]):
        lines.append("        Little's law and flow balance hold in every stage")
    return lines


def _engines(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    what = f"{found['tasks']:,} tasks of {found['queries']:,} queries"
    return [f"engines: compiled and reference agree on every instant of {what}"]


def _checked(checks: list[dict[str, Any]]) -> list[str]:
    """How many figures agree with a law; those outside their interval by name."""
    said = []
    agree = sum(check["verdict"] == "agrees" for check in checks)
    if agree:
        said.append(f"{agree} figure{'s' if agree > 1 else ''} agree{'' if agree > 1 else 's'}")
    outside = [check for check in checks if check["verdict"] == "outside 95 %"]
    if outside:
        names = (
            f"{check['stage']} {check['statistic']}" if check["stage"] else check["statistic"] for check in outside
        )
        said.append(f"outside their 95 % interval: {' and '.join(names)}")
    rest = len(checks) - agree - len(outside)
    if rest:
        said.append(f"{rest} not checked: not supported, or too short a run")
    return said
