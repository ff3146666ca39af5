"""What is said of clients that wait for what they have sent."""

from simulator.base.formats import counted, format_duration, format_rate
from simulator.documents import paper, run
from simulator.report.text import duration, number, rate


def asking_lines(said: paper.Changing) -> list[str]:
    """A line of clients that wait: how much they ask for, at most; and how many of them are enough."""
    if "clients" not in said:
        return []
    clients = said["clients"]
    exact_per_s, enough = clients["exact_per_s"], clients["saturating"]
    who, are = counted(clients["count"], "client"), "is" if clients["count"] == 1 else "are"
    thinking = f"{who}, thinking for {format_duration(clients['think_s'])}"
    line = f"{thinking}, {are} answered {format_rate(clients['most_per_s'])} at most"
    if exact_per_s is not None:
        line += f", {format_rate(exact_per_s)} by a closed form"
    return [line if enough is None else f"{line}; from about {enough:.3g} of them on the bottleneck may be always busy"]


def each_waits(theory: paper.Theory) -> str:
    """What holds of clients besides."""
    return ", and every client waits or thinks" if "clients" in theory else ""


def cycle_lines(result: run.Figures) -> list[str]:
    """A line of a run: where the time of clients goes."""
    if "clients" not in result:
        return []
    clients = result["clients"]
    if clients["cycling"] is None:
        waits = "waits for what it has" if clients["count"] == 1 else "wait for what they have"
        return [f"{counted(clients['count'], 'client')} {waits} sent"]
    think_s, over_s = clients["think_s"]["value"], clients["over_s"]
    spent = f"{rate(clients['over_per_s'])} x ({duration(over_s)} of latency + {duration(think_s)} of thinking)"
    return [f"{counted(clients['count'], 'client')}: {spent} = {number(clients['cycling'])}"]
