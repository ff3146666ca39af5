"""The figure of a capacity: what each objective bounds, against the load, with its bound and where that is met."""

import math
import re
import textwrap
from typing import Any

from simulator.base.formats import counted, exact_rate, format_duration
from simulator.documents import capacity, parts
from simulator.report import frame
from simulator.report.text import ratio

#: Letters of a line of what is said above.
MOST_LETTERS = 100
#: Letters beside a panel in one line; what is longer has its measure below the stage.
MOST_OF_LABEL = 34
#: Panels, at most: of the objectives that come first, and of the one that binds.
MOST_PANELS = 4
#: What is drawn lies between these parts of the bound.
LEAST, MOST = 1e-3, 30.0
#: Loads nearer than that, in logarithms, are beside each other.
NEARBY = 0.15
#: Objectives whose figure is a part of 1.
RATIOS = ("utilisation", "hottest", "failed_ratio", "availability")


@frame.own_style()
def capacity_figure(document: capacity.Capacity, format_: str = "png") -> Any:
    """Draw the probes of a capacity (``Capacity.to_dict``): of each load the one with most queries.

    ``format_``: png, svg or pdf.
    """
    slos = _shown(document)
    figure = frame.new(9, 2.2 + 2.4 * len(slos), parts.title_of(document))
    every = figure.subplots(len(slos), 1, sharex=True, squeeze=False)[:, 0]
    for axes, slo in zip(every, slos, strict=True):
        _panel(axes, document, slo)
        frame.around(axes)
    more = len({row["slo"] for row in document["curve"]}) - len(slos)
    hint = f"\n{counted(len(slos), 'objective')} drawn, and {more:,} more in the table" if more else ""
    every[0].set_title(said(document) + hint, fontsize=10, loc="left")
    every[0].set_xlim(left=0)
    every[-1].set_xlabel("mean load, queries a second", fontsize=frame.TEXT)
    frame.beside(every[0], bbox_to_anchor=(1.0, 1.0))
    return frame.saved(figure, format_)


def said(document: capacity.Figures) -> str:
    """The verdict, as the title has it.

    Only an unreachable capacity is said to be none; where it is not known, that is said, with the reason.
    """
    per_s, verdict = document["capacity_per_s"], document["verdict"]
    value, low, high = per_s["value"], per_s["low"], per_s["high"]
    if verdict == "unreachable":
        return "no load meets the objectives"
    between = "" if low is None or high is None else f"{exact_rate(low)} to {exact_rate(high)}"
    if verdict == "found" and value is not None:
        return f"capacity: {exact_rate(value)}, 95 % interval {between}"
    if verdict == "range":
        return f"no single capacity: {between}" if between else "no single capacity: it also fails below"
    known = f"about {exact_rate(value)}, " if value is not None else ""
    if not between and low is not None:
        between = f"above {exact_rate(low)}"
    elif not between and high is not None:
        between = f"below {exact_rate(high)}"
    text = f"capacity not known ({document['reason']}): {known}{between or 'no bounds'}"
    return textwrap.fill(text, MOST_LETTERS, max_lines=3, placeholder="...")


def _shown(document: capacity.Figures) -> list[str]:
    """The objectives that are drawn: the first, with the one that binds among them."""
    slos = list(dict.fromkeys(row["slo"] for row in document["curve"]))
    first = [document["binding_slo"], *(slo for slo in slos if slo != document["binding_slo"])][:MOST_PANELS]
    return [slo for slo in slos if slo in first]


def _panel(axes: Any, document: capacity.Figures, slo: str) -> None:
    """One objective: its figure by load, its bound, the capacity, and where the busiest replica is always busy."""
    measure = re.split(r"[\s<>]", slo, maxsplit=1)[0].split(".")[-1]  # a stage may be called max
    is_ratio = measure in RATIOS  # from 0: nothing failed is a figure, too
    rows = [row for row in document["curve"] if row["slo"] == slo]
    known = [row for row in rows if row["figure"] is not None and (is_ratio or row["figure"] > 0)]
    points = sorted((row for row in known if not _is_outdone(row, known)), key=lambda row: row["rate_per_s"])
    bound = rows[0]["bound"]
    axes.plot(
        [row["rate_per_s"] for row in points],
        [row["figure"] for row in points],
        "o-",
        ms=4,
        lw=1.4,
        color=frame.BLUE,
        label="simulated",
    )
    beyond = [row["rate_per_s"] for row in rows if row["value_over_bound"] is None]
    if beyond:
        top = axes.get_xaxis_transform()
        axes.plot(beyond, [0.97] * len(beyond), "x", color=frame.ORANGE, transform=top, label="saturated: no figure")
    if bound > 0:
        axes.axhline(bound, color="0.3", lw=1.2, label="objective")
        figures = [row["figure"] / bound for row in points if row["figure"] is not None]
        least, most = min([0.5, *figures]), min(MOST, 1.25 * max([1.25, *figures])) * bound
        if is_ratio:
            most = min(most, 1.03)  # nobody is busier than always
            axes.set_ylim(-0.03 * most, most)
        else:
            axes.set_yscale("log")
            axes.set_ylim(max(LEAST, 0.8 * least) * bound, max(most, 2.5 * bound))
    _loads(axes, document)
    if is_ratio:
        axes.yaxis.set_major_formatter(lambda value, _: ratio(value))
    else:
        frame.logarithmic(axes.yaxis, format_duration)
    label = f"{slo} (share failed)" if measure == "availability" else slo
    if len(label) > MOST_OF_LABEL:
        label = label.replace(f".{measure}", f"\n.{measure}", 1)
    axes.set_ylabel(label, fontsize=frame.TEXT)


def _loads(axes: Any, document: capacity.Figures) -> None:
    """The capacity with its interval, the scenario's own load, and saturation."""
    per_s, verdict = document["capacity_per_s"], document["verdict"]
    value, low, high = per_s["value"], per_s["low"], per_s["high"]
    is_found = verdict == "found"
    if low is not None and high is not None:
        what = "95 % interval of the capacity" if is_found else "it is between, as far as is known"
        axes.axvspan(low, high, color="0.5", alpha=0.25, lw=0, label=what)
    if value is not None:
        what = f"capacity, {exact_rate(value)}" if is_found else f"not certain: about {exact_rate(value)}"
        axes.axvline(value, color="0.2", lw=1.2, ls="-" if is_found else (0, (4, 3)), label=what)
    own, saturated = document["own_per_s"], document["bottleneck"]["saturation_per_s"]
    axes.axvline(own, color="0.2", lw=1, ls=":", label=f"own load, {exact_rate(own)}")
    axes.axvline(saturated, color=frame.ORANGE, lw=1.2, ls="--", label=f"saturated, {exact_rate(saturated)}")


def _is_outdone(row: capacity.Probe, rows: list[capacity.Probe]) -> bool:
    """Whether a load nearby was tried with more queries: a coarser point beside it would only seem to wiggle."""
    return any(
        other["queries"] > row["queries"] and abs(math.log(other["rate_per_s"] / row["rate_per_s"])) < NEARBY
        for other in rows
    )
