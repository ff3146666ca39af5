"""The table of an estimate."""

from typing import Any

from simulator.base.formats import counted, format_count, format_duration, format_rate, format_size
from simulator.documents import paper, parts
from simulator.report.admission import door_lines
from simulator.report.clients import asking_lines
from simulator.report.fleet import fleet_line
from simulator.report.peak import peak_lines
from simulator.report.text import DASH, duration, notes, number, rate, ratio, rendered, table


def estimate_table(estimate: paper.Estimate, width: int | None = None, color: bool = False) -> str:
    """Paper and pencil (the document of ``shardsim estimate --format json``) as text."""
    rows, costs, calls = [], [], []
    for stage in estimate["stages"]:
        rows.append([stage["name"], *_sizes(stage)])
        if "mergers" in stage:
            service, demand = duration(stage["mergers"]["service_s"]), ratio(stage["mergers"]["demand"])
            rows.append([f"{stage['name']} mergers", str(stage["mergers"]["count"]), "", "", service, "", demand, ""])
        rows += [[f"  {source['name']}", *_sizes(source)] for source in stage.get("sources", [])]
        for name, model in _models(stage):
            costs.append(_costs(name, model))
            calls.append(_call(name, model))
            calls += [_call(f"  {part['kind']}", part) for part in model.get("parts", [])]
    columns = ["stage", "shards", "candidates", "items/shard", "service", "slowest shard", "mean demand", "demand"]
    order = ["stage", "model", "inference", "a query", "training", "once"]
    call = ["one call", "items", "FLOP", "bytes", "bound by", "takes", "each further item"]
    bottleneck, zero = estimate["bottleneck"], estimate["zero_load_s"]
    most = "most " if "clients" in estimate else ""
    shown: list[Any] = [
        parts.title_of(estimate),
        f"at {most}{format_rate(estimate['rate_per_s'])}; saturated at {rate(estimate['saturation_per_s'])}; "
        f"bottleneck: {parts.station_of(bottleneck)}",
        *asking_lines(estimate),
        *door_lines(estimate),
        *peak_lines(estimate),
        "",
        table(columns, rows),
        *_caches(estimate["stages"]),
        "",
        table(order, costs, 3),
        "",
        table(call, calls, 1),
        *_batches(estimate["stages"]),
        "",
        fleet_line(estimate["fleet"]),
    ]
    if zero is not None:
        percentiles = paper.zero_load_percentiles(zero).items()
        each = ", ".join(f"{name} {format_duration(value)}" for name, value in percentiles)
        shown.append(f"an empty system answers in {each} ({zero['kind']})")
    if estimate["predictions"]:
        laws = [_law(item) for item in estimate["predictions"]]
        shown += ["", table(["under load", "value", "", "law"], laws, 1)]
    training = f"training is for {counted(estimate['rows'], 'row', format_count)}, epochs: {number(estimate['epochs'])}"
    return rendered([*shown, "", training, *notes(estimate["notes"])], width, color)


def _sizes(fleet: paper.StageEstimate | paper.SourceEstimate) -> list[str]:
    """A row of a stage, or of a source of one, behind its name."""
    return [
        str(fleet["shards"]),
        format_count(fleet["candidates"]),
        format_count(fleet["items_per_shard"]),
        duration(fleet["service_s"]["mean"]),
        duration(fleet["service_s"]["max"]),
        ratio(fleet["demand"]["mean"]),
        ratio(fleet["demand"]["max"]),
    ]


def _models(stage: paper.StageEstimate) -> list[tuple[str, paper.Model]]:
    """Its model, behind its name; of a stage with sources that of each."""
    own = [(stage["name"], stage["model"])] if "model" in stage else []
    return own + [(f"{stage['name']} {source['name']}", source["model"]) for source in stage.get("sources", [])]


def _law(item: paper.Prediction) -> list[str]:
    """A row: a figure that a law says."""
    value = "infinite" if item["value_s"] is None else duration(item["value_s"])
    return [f"{item['stage'] or 'query'} {item['statistic']}", value, item["kind"], item["law"]]


def _caches(stages: list[paper.StageEstimate]) -> list[str]:
    """A line for each cache: how many queries it answers."""
    lines = []
    for stage in stages:
        if "cache" in stage:
            cache = stage["cache"]
            held = f"{format_count(cache['size'])} of {counted(cache['catalogue'], 'key', format_count)}"
            about, most = ratio(cache["hit_ratio"]), ratio(cache["most"])
            found = f"about {about} of its queries (Che's approximation), at most {most}"
            lines.append(f"the cache of {stage['name']} holds {held}, and answers {found}")
    return lines


def _batches(stages: list[paper.StageEstimate]) -> list[Any]:
    """What batches take, of the stages that make some."""
    rows = []
    for stage in stages:
        for name, one in [(name, one) for name, model in _models(stage) for one in model.get("batches", [])]:
            tasks, took_s = one["tasks"], one["seconds"]
            each = [str(tasks), format_count(one["items"]), duration(took_s), duration(took_s / tasks)]
            rows.append([name, *each, rate(tasks / took_s if took_s else None)])
    return ["", table(["batches of", "tasks", "items", "takes", "a task", "one worker"], rows, 1)] if rows else []


def _costs(name: str, model: paper.Costs) -> list[str]:
    unit = model["unit"]
    inference, training = _amount(model["inference"], unit), _amount(model["training"], unit)
    return [name, model["kind"], model["order"], inference, model["training_order"], training]


def _call(name: str, model: paper.Costs) -> list[str]:
    """What one call asks of the hardware, which side of the roofline binds, and how long it takes."""
    call = model["call"]
    return [
        name,
        format_count(call["items"]),
        DASH if call["flop"] is None else format_count(call["flop"]),
        DASH if call["moved_bytes"] is None else format_size(call["moved_bytes"]),
        model["bound_by"] or DASH,
        duration(call["seconds"]),
        duration(call["seconds_per_further_item"]),
    ]


def _amount(value: float | None, unit: str) -> str:
    return DASH if value is None else f"{format_count(value)} {unit}"
