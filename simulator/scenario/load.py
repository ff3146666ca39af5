"""Reading scenarios: files, overlays, ``extends`` and overrides, merged and checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.base.errors import Problem, ScenarioError
from simulator.base.foreign import escaped
from simulator.plugins import Plugins, load_plugins
from simulator.scenario.catalogue import with_catalogue
from simulator.scenario.check import check
from simulator.scenario.fields import shown
from simulator.scenario.files import by_command, located, read, short
from simulator.scenario.held import File
from simulator.scenario.merge import merge, override
from simulator.scenario.nodes import Mark, Node, compose, node_of
from simulator.scenario.schema import Scenario

#: Files that extend one another, at most.
MOST_EXTENDS = 20

#: ``path=value``, and the option or file that says so.
Override = tuple[str, str]


def load_scenario(
    path: str | Path,
    overlays: Sequence[str | Path] = (),
    sets: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
) -> Scenario:
    """Load a scenario file; ``-`` is standard input.

    Parameters
    ----------
    path
        The file.
    overlays
        Files laid over it, in order: maps merge, lists of named things merge by name, other values are replaced.
    sets
        Overrides ``path=value``, applied last, in order.
    plugins
        Python files or modules whose kinds it may name, besides those installed. They are run: name what you trust.

    Raises
    ------
    ScenarioError
        With every problem found, each with its position.
    PluginError
        If a plug-in cannot be loaded.
    """
    given = load_plugins(plugins)
    name = str(path)
    root = _extended(read(name, may_be_pipe=True), name, ())
    for overlay in overlays:
        root = merge(root, _extended(read(str(overlay), may_be_pipe=True), str(overlay), ()))
    stem = "scenario" if name == "-" else Path(name).stem
    return _finished(root, _of_set(sets), name, stem, plugins=given)


def scenario_from_text(
    text: str, sets: Sequence[str] = (), file: str = "<text>", plugins: Sequence[str | Path] = ()
) -> Scenario:
    """Load a scenario from YAML text; files that it names are found from the working directory."""
    root = _extended(compose(text, file), file, ())
    return _finished(root, _of_set(sets), file, "scenario", plugins=load_plugins(plugins))


def scenario_from_dict(
    values: dict[str, Any], sets: Sequence[str] = (), plugins: Sequence[str | Path] = ()
) -> Scenario:
    """Load a scenario from plain Python values, spelled as in a file."""
    root = node_of(values, Mark("<dict>"))
    return _finished(root, _of_set(sets), "<dict>", "scenario", plugins=load_plugins(plugins))


def scenario_with(scenario: Scenario, sets: Sequence[Override], fits: bool = True) -> Scenario:
    """A scenario with overrides applied to it, as if they had been given last when it was loaded.

    They are laid over what was written, not over what it resolves to: ``hardware.gpu.from=nvidia_l4`` keeps the keys
    that stand beside ``from``, and a model's shape takes the place of a time by item of the catalogue. Files that the
    scenario names are found from where it named them; those of an override, from the working directory.

    Parameters
    ----------
    scenario
        As loaded.
    sets
        Overrides ``path=value``, applied in order, each with what problems call the place where it was given.
    fits
        As of ``check``.

    Raises
    ------
    ScenarioError
        With every problem found.
    """
    return _finished(scenario.tree, sets, scenario.source, scenario.name, fits, scenario.plugins)


def _of_set(sets: Sequence[str]) -> list[Override]:
    return [(assignment, "--set") for assignment in sets]


def _finished(
    root: Node,
    sets: Sequence[Override],
    source: str,
    stem: str,
    fits: bool = True,
    plugins: Plugins | None = None,
) -> Scenario:
    problems: list[Problem] = []
    for assignment, option in sets:
        try:
            root = override(root, assignment, option)
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    if isinstance(root.value, dict) and "name" not in root.value:
        safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in stem)
        root = Node({"name": Node(safe, root.mark), **root.value}, root.mark)
    root = _with_files(root)
    resolved, problems = with_catalogue(root)
    try:
        scenario = check(resolved, source, fits, plugins)
    except ScenarioError as error:
        unknown = tuple(problem.path.removesuffix(".from") for problem in problems)
        problems += [problem for problem in error.problems if not problem.path.startswith(unknown)]
    if problems:
        raise ScenarioError(problems)
    return scenario.read_from(_anchored(root))


def _anchored(node: Node) -> Node:
    """A tree in which the catalogue is named by its absolute path, so that it means the same wherever it is read."""
    if not isinstance(node.value, dict) or "catalogue" not in node.value:
        return node
    named = node.value["catalogue"]
    if not isinstance(named.value, str):
        return node
    return Node({**node.value, "catalogue": Node(located(named.value, named.mark.file), named.mark)}, node.mark)


def _with_files(node: Node, key: str = "") -> Node:
    """A tree in which each ``file`` is one that keeps what is read of it: so it is read once."""
    if isinstance(node.value, dict):
        return Node({name: _with_files(child, name) for name, child in node.value.items()}, node.mark)
    if isinstance(node.value, list):
        return Node([_with_files(child) for child in node.value], node.mark)
    if key == "file" and isinstance(node.value, str) and not isinstance(node.value, File):
        named_in = node.mark.file
        return Node(File.named(node.value, named_in, by_command(named_in)), node.mark)
    return node


def _extended(root: Node, file: str, below: tuple[str, ...]) -> Node:
    """``root`` laid over the file that it extends, if it does."""
    if not isinstance(root.value, dict) or "extends" not in root.value:
        return root
    named = root.value["extends"]
    if not isinstance(named.value, str):
        raise ScenarioError([named.mark.problem("extends", f"expected the name of a file, got {shown(named.plain())}")])
    base = located(named.value, file)
    chain = (*below, str(Path(file).resolve()) if file != "-" else "-")
    if base in chain:
        raise ScenarioError(
            [named.mark.problem("extends", f"{named.value} extends this file in turn; break the circle")]
        )
    if len(chain) > MOST_EXTENDS:
        raise ScenarioError([named.mark.problem("extends", f"more than {MOST_EXTENDS} files extend one another")])
    try:
        lower = read(short(base))
    except ScenarioError as error:
        if error.problems[0].line == 0:
            raise ScenarioError([named.mark.problem("extends", f"{named.value} {error.problems[0].message}")]) from None
        raise
    lower = _extended(lower, short(base), chain)
    return merge(lower, Node({key: child for key, child in root.value.items() if key != "extends"}, root.mark))


def to_yaml(values: Any) -> str:
    """Plain values as YAML for people: block style, short lists of scalars in one line, order kept."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Lists of plain values in one line, and nothing that YAML 1.2 would read otherwise."""

        def ignore_aliases(self, data: Any) -> bool:
            """Write everything out."""
            return True

        def represent_items(self, data: Any) -> Any:
            """A list; in one line if it holds scalars only."""
            flow = all(not isinstance(item, (dict, list, tuple)) for item in data)
            return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)

    Dumper.add_representer(list, Dumper.represent_items)
    Dumper.add_representer(tuple, Dumper.represent_items)
    Dumper.yaml_implicit_resolvers = {}
    Dumper.add_representer(str, _text)
    Dumper.add_representer(bool, lambda dumper, value: _number(dumper, value, "true" if value else "false"))
    Dumper.add_representer(float, _number)
    Dumper.add_representer(int, _number)

    def dumped(allow_unicode: bool) -> str:
        return str(yaml.dump(values, Dumper=Dumper, sort_keys=False, allow_unicode=allow_unicode, width=110))

    said = dumped(True)
    return said if escaped(said, keep="\n") == said else dumped(False)  # letters that a terminal obeys, as escapes


def _text(dumper: Any, value: str) -> Any:
    """Text, quoted where YAML 1.2 would not read it as text."""
    plain = compose_scalar(value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


def _number(dumper: Any, value: float, text: str = "") -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text or repr(value))


def compose_scalar(value: str) -> bool:
    """Whether plain ``value`` is read back as the same text."""
    try:
        return bool(compose(f"key: {value}", "<text>").plain() == {"key": value})
    except ScenarioError:
        return False
