"""From a tree of nodes to a Scenario, or to all that is wrong with it: where, what was given, how to cure it."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator.base.errors import Problem, ScenarioError
from simulator.plugins import Plugins
from simulator.scenario.fields import FITS, kind_of, shown
from simulator.scenario.files import by_command, short
from simulator.scenario.held import File
from simulator.scenario.merge import did_you_mean
from simulator.scenario.nodes import Mark, Node
from simulator.scenario.not_modelled import not_modelled, said_of
from simulator.scenario.plugged import PLUGINS, WRONG_KIND, WRONG_PLUGIN, is_plugged, keys_of
from simulator.scenario.schema import Scenario

#: What a value of the wrong kind should have been, by pydantic's name of the error.
_KINDS = {
    "model_type": "a map",
    "model_attributes_type": "a map",
    "dict_type": "a map",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "text",
    "bool_type": "true or false",
}


def check(root: Node, source: str, fits: bool = True, plugins: Plugins | None = None) -> Scenario:
    """Validate a tree.

    Parameters
    ----------
    root
        The merged tree, overrides applied.
    source
        What to call the scenario in later errors.
    fits
        False: what only does not fit its machines is let through; ``Scenario.misfits`` says it.
    plugins
        Those that the scenario may name, besides what is installed.

    Raises
    ------
    ScenarioError
        With every problem found.
    """
    given = plugins or Plugins()
    if not isinstance(root.value, dict):
        raise ScenarioError([root.mark.problem("", f"a scenario is a map of keys, got {kind_of(root.plain())}")])
    try:
        scenario = Scenario.model_validate(_with_paths(root), context={FITS: fits, PLUGINS: given})
    except ValidationError as error:
        problems = [problem for one in error.errors() for problem in _problems(root, one, given)]
        raise ScenarioError(list(dict.fromkeys(problems))) from None
    scenario._source = source
    scenario._plugins = given
    return scenario


def _with_paths(node: Node, key: str = "") -> Any:
    """Plain values, in which each ``file`` is an absolute path: relative to the file that names it."""
    if isinstance(node.value, dict):
        return {name: _with_paths(child, name) for name, child in node.value.items()}
    if isinstance(node.value, list):
        return [_with_paths(child) for child in node.value]
    if key == "file" and isinstance(node.value, str) and not isinstance(node.value, File):
        return File.named(node.value, node.mark.file, by_command(node.mark.file))  # of an entry of a catalogue
    return node.value


def _problems(root: Node, error: Any, plugins: Plugins) -> Iterator[Problem]:
    kind, context = error["type"], error.get("ctx", {})
    node, path, _ = _walk(root, error["loc"])
    if kind == "contradiction":
        for field, message in context["contradictions"]:
            at, deeper, missing = _walk(root, (*error["loc"], *field))
            yield at.mark.problem(_dotted([*deeper, *missing]), message)
    elif kind == "trace":
        yield _in_file(node, path, context)
    elif kind in (WRONG_KIND, WRONG_PLUGIN):
        at = node.value["kind"] if isinstance(node.value, dict) and kind == WRONG_KIND else node
        yield at.mark.problem(_dotted([*path, "kind"] if at is not node else path), context["message"])
    elif kind == "missing":
        yield node.mark.problem(_dotted([*path, error["loc"][-1]]), "is missing")
    elif kind == "extra_forbidden":
        known = _fields_of_plugin(root, error["loc"], plugins) or _fields_at(path[:-1], error["loc"])
        absent = not_modelled(str(path[-1]))
        if absent:
            message = f"unknown key: {absent} is not modelled in this version; leave it out"
            yield node.mark.problem(_dotted(path), message)
        else:
            yield node.mark.problem(_dotted(path), f"unknown key{did_you_mean(str(path[-1]), known)}")
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        yield _wrong_kind(node, path, context)
    elif kind == "value_error":
        yield node.mark.problem(_dotted(path), str(context["error"]))
    elif kind in _KINDS:
        yield node.mark.problem(_dotted(path), f"expected {_KINDS[kind]}, got {shown(node.plain())}")
    elif kind == "literal_error":
        yield node.mark.problem(_dotted(path), f"must be {context['expected']}, got {shown(node.plain())}")
    else:
        yield node.mark.problem(_dotted(path), f"{error['msg'][:1].lower()}{error['msg'][1:]}")


def _in_file(node: Node, path: list[str | int], context: dict[str, Any]) -> Problem:
    """A mistake in a file of numbers: at its place there, or, if the file as a whole is wrong, where it is named."""
    file = short(context["file"])
    named = node.value.get("file") if isinstance(node.value, dict) else None
    if context["line"] or named is None:
        return Problem(file, context["line"], context["column"], "", context["message"])
    mark: Mark = named.mark
    return mark.problem(_dotted([*path, "file"]), f"{file}: {context['message']}")


def _wrong_kind(node: Node, path: list[str | int], context: dict[str, Any]) -> Problem:
    choices = [choice.strip(" '") for choice in str(context.get("expected_tags", "")).split(",") if choice.strip()]
    if "tag" in context and isinstance(node.value, dict):
        at: Node = node.value["kind"]
        near = did_you_mean(str(context["tag"]), choices).split("; known")[0]
        allowed = f" ({', '.join(choices)})"
        return at.mark.problem(_dotted([*path, "kind"]), f"no kind is called {context['tag']!r}{near}{allowed}")
    if "tag" in context:
        tag = str(context["tag"])
        near = did_you_mean(tag, choices).split("; known")[0] or said_of(tag)
        return node.mark.problem(_dotted(path), f"must be one of {', '.join(choices)}, got {shown(node.plain())}{near}")
    if isinstance(node.value, dict):
        key = ".".join(part for part in path if isinstance(part, str))
        return node.mark.problem(
            _dotted(path), f"needs a kind, as {{kind: NAME, ...}}; 'shardsim help {key}' lists them"
        )
    message = "expected a map like {kind: ..., ...}, got " + shown(node.plain())
    return node.mark.problem(_dotted(path), message)


def _walk(root: Node, location: tuple[Any, ...]) -> tuple[Node, list[str | int], list[str | int]]:
    """The deepest node at a location, the path to it, and what of the location is not in the file.

    Steps that are tags of unions are not in the file and are left out; so are fields that were not given.
    """
    node, path, missing = root, [], []  # type: Node, list[str | int], list[str | int]
    for place, step in enumerate(location):
        if (isinstance(node.value, dict) and step in node.value and not missing) or (
            isinstance(node.value, list) and isinstance(step, int) and step < len(node.value) and not missing
        ):
            node = node.value[step]
            path.append(step)
        elif place == len(location) - 1 and isinstance(step, str) and step.isidentifier() and not _is_tag(node, step):
            missing.append(step)
    return node, path, missing


def _is_tag(node: Node, step: str) -> bool:
    if not isinstance(node.value, dict):
        return True
    kind = node.value.get("kind")
    return kind is not None and kind.value == step


def _dotted(path: list[str | int]) -> str:
    dotted = ""
    for step in path:
        dotted += f"[{step}]" if isinstance(step, int) else f".{step}" if dotted else str(step)
    return dotted


def _fields_at(path: list[str | int], location: tuple[Any, ...]) -> list[str]:
    """Keys that the map at a location knows, found by following the schema along it."""
    known: list[str] = []
    model: Any = Scenario
    for step in location[:-1]:
        model = _step_into(model, step)
        if model is None:
            return known
    return _keys(model)


def _fields_of_plugin(root: Node, location: tuple[Any, ...], plugins: Plugins) -> list[str]:
    """Keys that the map at a location knows, where its kind is that of a plug-in."""
    above, _, _ = _walk(root, location[:-1])
    kind = above.value.get("kind") if isinstance(above.value, dict) else None
    if kind is None or not is_plugged(kind.value):
        return []
    offered = (plugins.find(group, kind.value) for group in plugins.groups_of(kind.value))
    return [key for plugin in offered if plugin is not None for key in keys_of(plugin)]


def _keys(model: Any) -> list[str]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [field.alias or name for name, field in model.model_fields.items()]
    return []


def _step_into(annotation: Any, step: Any) -> Any:
    """The type one step deeper: a field of a model, an item of a list, a value of a map, or a member of a union."""
    models = list(_models_in(annotation))
    if isinstance(step, int):
        return annotation
    for model in models:
        kind = model.model_fields.get("kind")
        if kind is not None and step in getattr(kind.annotation, "__args__", ()) and len(models) > 1:
            return model
    for model in models:
        for name, field in model.model_fields.items():
            if step in (name, field.alias):
                inner = list(_models_in(field.annotation))
                return inner[0] if len(inner) == 1 else field.annotation
    return annotation  # a key of a map of models


def _models_in(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for argument in getattr(annotation, "__args__", ()):
            yield from _models_in(argument)
