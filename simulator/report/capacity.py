"""The table of a capacity."""

from typing import Any

from simulator.base.formats import counted, exact_rate, format_count, format_duration
from simulator.documents import capacity, parts
from simulator.report.fleet import fleet_line
from simulator.report.run import slo_row
from simulator.report.text import interval, ratio, rendered, signed, table


def capacity_table(document: capacity.Capacity, width: int | None = None, color: bool = False) -> str:
    """A capacity (``Capacity.to_dict``) as text."""
    return rendered(capacity_parts(document), width, color)


def capacity_parts(document: capacity.Capacity) -> list[Any]:
    """Its lines and tables, from top to bottom."""
    lines = [parts.title_of(document), _headline(document)]
    if document["reason"]:
        lines.append(f"{document['verdict']}: {document['reason']}")
    headroom = document["headroom"]
    if headroom["value"] is not None:
        ends = f" ({interval(headroom, signed)})" if headroom["low"] is not None else ""
        lines.append(
            f"headroom over the scenario's own {exact_rate(document['own_per_s'])}: {signed(headroom['value'])}{ends}"
        )
    theory = document["theory"]
    if theory is not None:
        lines.append(f"theory: {exact_rate(theory['per_s'])} for {theory['slo']}, {theory['law']}: {theory['verdict']}")
    if "after_a_stall" in document:
        lines.append(second_line(document["after_a_stall"]))
    lines.append(_bottleneck(document))
    shown: list[Any] = lines
    if document["slos"]:
        columns = ["objective", "there", "value", "95 % interval"]
        per_s = document["capacity_per_s"]
        binding = document["binding_slo"] if any(end is not None for end in per_s.values()) else None
        shown += ["", table(columns, [_slo(slo, binding) for slo in document["slos"]], 2)]
    shown += [
        "",
        fleet_line(document["fleet"]),
        f"{counted(document['probes'], 'probe')}, {counted(document['queries'], 'query', format_count)} simulated",
    ]
    return [*shown, *(f"note: {note}" for note in document["notes"])]


def _headline(document: capacity.Figures) -> str:
    within = ", ".join(dict.fromkeys((*(row["slo"] for row in document["curve"]), document["binding_slo"])))
    within += ", with any one zone gone" * ("survive" in document)
    rate = {"constant": "at a constant rate", "trace": "replayed faster or slower"}
    kind = rate.get(document["rate"], f"mean rate of the {document['rate']}")
    arrivals = (
        f"{document['arrivals']} arrivals {kind}"
        if document["rate"] in rate
        else f"{document['arrivals']} arrivals, {kind}"
    )
    per_s = document["capacity_per_s"]
    value, ends = per_s["value"], interval(per_s, exact_rate)
    if value is None:
        unknown = "not known" if document["verdict"] == "inconclusive" else "none"
        is_between = per_s["low"] is not None and per_s["high"] is not None
        said = f"{'between ' * is_between}{ends}" if ends else unknown
        return f"capacity within {within}: {said}; {arrivals}"
    half = "" if document["half_width"] is None else f" (half of it: {100 * document['half_width']:.2g} %)"
    about = "" if document["verdict"] == "found" else "about "
    precise = f", 95 % interval {ends}{half}" if ends else ""
    return f"capacity within {within}: {about}{exact_rate(value)}{precise}; {arrivals}"


def second_line(second: capacity.SecondAnswer) -> str:
    """What is said of a system after a stall."""
    stall = f"after a stall of {format_duration(second['lasts_s'])}"
    back, down = second["back_per_s"], second["down_per_s"]
    if down is None:
        return f"one answer: {stall} it comes back at {exact_rate(back or 0.0)}, too"
    comes = "" if back is None else f" comes back at {exact_rate(back)}, and"
    last = ", the lowest load that was looked at" if back is None else ""
    until = f"{exact_rate(down)}{last}: from there to the capacity it is up only if nothing goes wrong"
    return f"two answers: {stall} it{comes} stays down at {until}"


def _bottleneck(document: capacity.Figures) -> str:
    bottleneck = document["bottleneck"]
    saturated = f"saturated at {exact_rate(bottleneck['saturation_per_s'])}"
    where = parts.station_of(bottleneck)
    return f"bottleneck: {where} at demand {ratio(bottleneck['demand'])} there; {saturated}"


def _slo(slo: parts.Verdict, binding: str | None) -> list[str]:
    row = slo_row(slo)
    return [row[0], "at its bound" if slo["slo"] == binding else row[1], *row[2:]]
