"""The table of ``shardsim doctor``."""

from typing import Any

from simulator.base.formats import counted
from simulator.documents import doctor
from simulator.report.text import DASH, duration, rendered, table


def doctor_table(document: doctor.Doctor, width: int | None = None, color: bool = False) -> str:
    """What an installation is, and whether it is sound, as text."""
    rows = [
        [
            item["name"],
            item["found"] or "missing",
            f">= {item['needed']}" if item["needed"] else DASH,
            _word(item["well"], "well", "TOO OLD" if item["found"] else "MISSING"),
        ]
        for item in document["versions"]
    ]
    machine = document["machine"]
    memory = f"{_gib(machine['memory_bytes'])} of memory, {_gib(machine['free_bytes'])} free"
    parts: list[Any] = [
        table(["version", "found", "needed", ""], rows, 4),
        "",
        f"machine   {machine['system']} {machine['processor']}, {counted(machine['cores'], 'core')}, {memory}",
        f"kernels   {_kernels(document['cache'])}",
        *([f"terminal  {_terminal(document['terminal'])}"] if "terminal" in document else []),
        "",
    ]
    for check in document["checks"]:
        took = duration(check["wall_s"])
        parts.append(f"{check['what']}: {_word(check['well'], 'well', 'FAILED')} in {took}: {check['seen']}")
    parts += ["", *(["all is well"] if document["well"] else [f"to do: {line}" for line in document["to_do"]])]
    return rendered(parts, width, color)


def _kernels(cache: doctor.Cache | None) -> str:
    if cache is None or cache["folder"] is None:
        return "kept nowhere"
    state = "compiled" if cache["is_compiled"] else "not compiled"
    return f"{cache['folder']}: {state}, {_word(cache['is_writable'], 'writable', 'not the first choice')}"


def _word(is_well: bool, well: str, bad: str) -> str:
    return well if is_well else bad


def _gib(amount: int | None) -> str:
    return DASH if amount is None else f"{amount / 2**30:.1f} GiB"


def _terminal(terminal: doctor.Terminal) -> str:
    where = f"a terminal of {counted(terminal['columns'], 'column')}" if terminal["is_terminal"] else "no terminal"
    return f"{where}, {'colour' if terminal['has_color'] else 'no colour'}"
