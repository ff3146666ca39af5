"""The table of the most clients that wait within all objectives."""

from typing import Any

from simulator.base.formats import counted, exact_rate, format_count
from simulator.documents import most_clients, parts
from simulator.report.fleet import fleet_line
from simulator.report.run import slo_row
from simulator.report.text import interval, rendered, table


def most_clients_table(document: most_clients.MostClients, width: int | None = None, color: bool = False) -> str:
    """The most clients (``MostClients.to_dict``) as text."""
    return rendered(most_clients_parts(document), width, color)


def most_clients_parts(document: most_clients.MostClients) -> list[Any]:
    """Its lines and tables, from top to bottom."""
    lines: list[Any] = [parts.title_of(document), _headline(document)]
    if document["reason"]:
        lines.append(f"{document['verdict']}: {document['reason']}")
    per_s = document["over_per_s"]
    if per_s["value"] is not None:
        ends = interval(per_s, exact_rate)
        lines.append(f"they are answered {exact_rate(per_s['value'])}{f' ({ends})' if ends else ''}")
    lines.append(f"the scenario's own: {counted(document['own_clients'], 'client')}")
    if document["exact"] is not None:
        lines.append(f"theory: {counted(document['exact'], 'client')}, by the exact mean")
    if document["slos"]:
        columns = ["objective", "there", "value", "95 % interval"]
        rows = [slo_row(slo) for slo in document["slos"]]
        lines += ["", table(columns, rows, 2)]
    tried = len({(row["clients"], row["queries"]) for row in document["curve"]})
    lines += [
        "",
        fleet_line(document["fleet"]),
        f"{counted(tried, 'probe')}, {counted(document['queries'], 'query', format_count)} simulated",
    ]
    return [*lines, *(f"note: {note}" for note in document["notes"])]


def _headline(document: most_clients.MostClients) -> str:
    within = ", ".join(dict.fromkeys((*(row["slo"] for row in document["curve"]), document["binding_slo"])))
    within += ", with any one zone gone" * ("survive" in document)
    clients = document["clients"]
    ends = interval(clients, _whole)
    if clients["value"] is None:
        said = ends or ("none" if document["verdict"] == "unreachable" else "not known")
        return f"clients within {within}: {said}"
    about = "" if document["verdict"] == "found" else "about "
    half = document["half_width"]
    precise = f", 95 % interval {ends}" if ends else ""
    precise += f" (half of it: {100 * half:.2g} %)" if half is not None else ""
    return f"clients within {within}: {about}{_whole(clients['value'])}{precise}"


def _whole(number: float) -> str:
    return f"{number:,.0f}"
