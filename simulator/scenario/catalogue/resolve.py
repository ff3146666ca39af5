"""``from: NAME`` in a scenario's hardware and models, replaced by what the catalogue says."""

from collections.abc import Mapping

from simulator.base.errors import Problem, ScenarioError
from simulator.base.nearest import nearest, quoted
from simulator.scenario.catalogue.entries import Catalogue, Entry, built_in, read_catalogue
from simulator.scenario.fields import shown
from simulator.scenario.files import by_command, located, short
from simulator.scenario.merge import did_you_mean, merge
from simulator.scenario.nodes import Node

#: What each kind's time follows from: a shape of the scenario's own takes the place of a time by item of the catalogue.
SHAPES = {
    "linear": {"features"},
    "tree": {"trees", "depth", "leaves", "visit"},
    "deep": {"layers", "flops_per_item", "parameters"},
    "embedding": {"tables", "lookups", "dimension"},
}


def with_catalogue(root: Node) -> tuple[Node, list[Problem]]:
    """A scenario's tree in which every ``from`` is resolved and ``catalogue`` itself is gone, and what could not be.

    Raises
    ------
    ScenarioError
        Where the user's own catalogue file is wrong.
    """
    if not isinstance(root.value, dict):
        return root, []
    resolver = _Resolver(catalogue_for(root))
    entries = {key: child for key, child in root.value.items() if key != "catalogue"}
    hardware, stages = entries.get("hardware"), entries.get("stages")
    if hardware is not None and isinstance(hardware.value, dict):
        machines = {name: resolver.hardware(name, node) for name, node in hardware.value.items()}
        entries["hardware"] = Node(machines, hardware.mark)
    if stages is not None and isinstance(stages.value, list):
        given = hardware.value if hardware is not None and isinstance(hardware.value, dict) else {}
        staged = [resolver.stage(f"stages[{index}]", node, given) for index, node in enumerate(stages.value)]
        entries["stages"] = Node(staged, stages.mark)
    return Node(entries, root.mark), resolver.problems


def catalogue_for(root: Node) -> Catalogue:
    """The catalogue of a scenario's tree: the built-in one, with the user's own over it where ``catalogue`` names it.

    Raises
    ------
    ScenarioError
        Where the user's own catalogue file is wrong.
    """
    if not isinstance(root.value, dict) or "catalogue" not in root.value:
        return built_in()
    named = root.value["catalogue"]
    if not isinstance(named.value, str):
        problem = named.mark.problem("catalogue", f"expected the name of a file, got {shown(named.plain())}")
        raise ScenarioError([problem])
    file = short(located(named.value, named.mark.file))
    try:
        return read_catalogue(file, built_in(), by_command(named.mark.file))
    except ScenarioError as error:
        if error.problems[0].line == 0:
            message = f"{named.value} {error.problems[0].message}"
            raise ScenarioError([named.mark.problem("catalogue", message)]) from None
        raise


class _Resolver:
    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.problems: list[Problem] = []

    def hardware(self, name: str, node: Node) -> Node:
        """A machine."""
        return self.resolved("hardware", f"hardware.{name}", node)

    def stage(self, path: str, node: Node, hardware: Mapping[str, Node]) -> Node:
        """A stage, or a source of one, whose model, or a part of it, may come from the catalogue.

        ``hardware``: of the scenario.
        """
        if isinstance(node.value, dict) and "hardware" in node.value:
            self.machine_meant(f"{path}.hardware", node.value["hardware"], hardware)
        sources = node.value.get("sources") if isinstance(node.value, dict) else None
        if sources is not None and isinstance(sources.value, list):
            each = [self.stage(f"{path}.sources[{at}]", one, hardware) for at, one in enumerate(sources.value)]
            node = Node({**node.value, "sources": Node(each, sources.mark)}, node.mark)
        if not isinstance(node.value, dict) or "model" not in node.value:
            return node
        path = f"{path}.model"
        model = self.resolved("models", path, node.value["model"])
        parts = model.value.get("parts") if isinstance(model.value, dict) else None
        if parts is not None and isinstance(parts.value, list):
            each = [self.resolved("models", f"{path}.parts[{at}]", part) for at, part in enumerate(parts.value)]
            model = Node({**model.value, "parts": Node(each, parts.mark)}, model.mark)
        return Node({**node.value, "model": model}, node.mark)

    def resolved(self, section: str, path: str, node: Node) -> Node:
        """A map with ``from`` laid over the entry that it names."""
        if isinstance(node.value, str) and node.value in self.catalogue.sections[section]:
            message = f"{node.value!r} is of the catalogue; write {{from: {node.value}}}"
            self.problems.append(node.mark.problem(path, message))
        if not isinstance(node.value, dict) or "from" not in node.value:
            return node
        own = Node({key: child for key, child in node.value.items() if key != "from"}, node.mark)
        entry = self.entry(section, path, node.value["from"])
        if entry is None:
            return own
        base = dict(entry.node.value)
        kind = own.value.get("kind")
        if kind is not None and "kind" in base and kind.value != base["kind"].value:
            message = f"{entry.name!r} is a {base['kind'].value} model; leave kind out, or leave from out"
            self.problems.append(kind.mark.problem(f"{path}.kind", message))
        if section == "models" and SHAPES.get(base["kind"].value, set()) & own.value.keys():
            base.pop("per_item", None)
        return Node(merge(Node(base, node.mark), own).value, node.mark)

    def machine_meant(self, path: str, named: Node, hardware: Mapping[str, Node]) -> None:
        """Say how a machine of the catalogue is taken, where a stage names one that the scenario does not have."""
        name = named.value
        if not isinstance(name, str) or name in hardware or nearest(name, hardware):
            return
        known = self.catalogue.sections["hardware"]
        meant = [name] if name in known else nearest(name, known)
        if meant:
            there = "the catalogue has it:" if name in known else f"did you mean {quoted(meant)} of the catalogue?"
            how = f"write hardware: {{{meant[0]}: {{from: {meant[0]}}}}} beside stages, and hardware: {meant[0]} here"
            self.problems.append(named.mark.problem(path, f"no hardware is called {name!r}; {there} {how}"))

    def entry(self, section: str, path: str, named: Node) -> Entry | None:
        """The entry of a name, or a problem."""
        known = self.catalogue.sections[section]
        if isinstance(named.value, str) and named.value in known:
            return known[named.value]
        if isinstance(named.value, str):
            near = did_you_mean(named.value, list(known)) or f"; see shardsim catalogue for its {section}"
            message = (
                f"no {section if section == 'hardware' else 'model'} of the catalogue is called {named.value!r}{near}"
            )
        else:
            message = f"expected the name of a catalogue entry, got {shown(named.plain())}"
        self.problems.append(named.mark.problem(f"{path}.from", message))
        return None
