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
    who = f"{counted(clients['count'], 'client')} that think {format_duration(clients['think_s'])}"
    line = f"{who} are answered {format_rate(clients['most_per_s'])} at most"
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
    clients, mean = result["clients"], result["latency_s"]["mean"]["value"]
    per_s, think_s = result["completed_per_s"]["value"], clients["think_s"]["value"]
    if clients["cycling"] is None:
        return [f"{counted(clients['count'], 'client')} wait for what they have sent"]
    spent = f"{rate(per_s)} x ({duration(mean)} of latency + {duration(think_s)} of thinking)"
    return [f"{counted(clients['count'], 'client')}: {spent} = {number(clients['cycling'])}"]
