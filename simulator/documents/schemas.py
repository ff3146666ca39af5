"""JSON Schemas of documents (draft 2020-12), made from their types.

A generator of our own, since pydantic, which could do it, is the scenario's alone, and would be loaded by all who
write a document; and since descriptions are then the comments beside the keys, which it does not read.
"""

import ast
import importlib
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Sequence
from typing import Any, NotRequired, get_args, get_origin, get_type_hints

from simulator.base.errors import ArgumentError
from simulator.base.nearest import nearest, quoted
from simulator.documents.marks import Keys, OneOf, Says, open_keys_of

#: By name: the document and the module that has it.
DOCUMENTS = {
    "run": "run.Run",
    "explain": "explain.Explanation",
    "timing": "timing.Timing",
    "capacity": "capacity.Capacity",
    "capacities": "capacity.Capacities",
    "most_clients": "most_clients.MostClients",
    "size": "size.Size",
    "sensitivity": "sensitivity.Sensitivity",
    "stress": "stress.Stress",
    "sweep": "sweep.Sweep",
    "sweep_questions": "sweep.Questions",
    "sweep_journal": "sweep.Journaled",
    "compare": "compare.Comparison",
    "estimate": "paper.Estimate",
    "load": "load.Load",
    "check": "check.Check",
    "catalogue": "catalogue.Catalogue",
    "validation": "validation.Validation",
    "verify": "verify.Verification",
    "doctor": "doctor.Doctor",
}

#: What a key's ending says of its unit; the first that fits.
UNITS = {
    "per_million_queries": "US dollars per million queries",
    "usd_per_h": "US dollars an hour",
    "usd_per_h_more": "US dollars an hour",
    "_per_joule": "per joule",
    "_per_s": "per second",
    "_bytes": "bytes",
    "_w": "watts",
    "_s": "seconds",
    "_ratio": "a ratio, from 0 to 1",
    "utilisation": "a ratio: 1 is always busy",
    "demand": "a ratio: 1 is all that can be done",
    "_sha256": "SHA-256 in hexadecimal digits",
}

#: Types of JSON.
_PLAIN = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def document_schema(name: str, known: Sequence[str] = tuple(DOCUMENTS)) -> dict[str, Any]:
    """The JSON Schema of a document by name; ``known``: the names that a mistake is told.

    Raises
    ------
    ScenarioError
        If there is no such document; the message says which there are.
    """
    if name not in DOCUMENTS:
        near = nearest(name, known)
        hint = f"did you mean {quoted(near)}? " if near else ""
        raise ArgumentError(f"no document is called {name!r}; {hint}there are {', '.join(known)}")
    module, _, document = DOCUMENTS[name].partition(".")
    return schema_of(getattr(importlib.import_module(f"simulator.documents.{module}"), document))


def schema_of(document: type) -> dict[str, Any]:
    """The JSON Schema of documents of a type (a TypedDict)."""
    parts: dict[str, dict[str, Any]] = {}
    whole = _reference(document, parts)["$ref"].removeprefix("#/$defs/")
    body = parts.pop(whole)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **body,
        **({"$defs": dict(sorted(parts.items()))} if parts else {}),
    }


def _reference(document: type, parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A reference to the schema of a type, which is put among the parts."""
    name = f"{document.__module__.rpartition('.')[2]}.{document.__qualname__}"
    if name not in parts:
        parts[name] = {}  # it is on the way, should it be part of itself
        parts[name] = _object(document, parts)
    return {"$ref": f"#/$defs/{name}"}


def _object(document: type, parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The schema of a map with keys of its own."""
    comments = _comments(document)
    kinds = get_type_hints(document, include_extras=True)
    needed: frozenset[str] = getattr(document, "__required_keys__")  # noqa: B009 (what annotations do not say)
    properties = {}
    for key, kind in kinds.items():
        schema = _schema(kind, parts)
        said = "; ".join(part for part in (comments.get(key, schema.pop("description", "")), unit_of(key)) if part)
        properties[key] = {**schema, **({"description": said} if said else {})}
    open_keys = {pattern: _schema(kind, parts) for pattern, kind in open_keys_of(document).items()}
    doc = inspect.cleandoc(document.__doc__ or "")
    return {
        "title": document.__qualname__,
        **({"description": " ".join(doc.split())} if doc and not doc.startswith("dict(") else {}),
        "type": "object",
        "properties": properties,
        **({"patternProperties": open_keys} if open_keys else {}),
        "required": [key for key in kinds if key in needed and get_origin(kinds[key]) is not NotRequired],
        "additionalProperties": False,
    }


def _schema(kind: Any, parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The schema of a kind of value."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return {}
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if typing.is_typeddict(kind):
        return _reference(kind, parts)
    if origin is NotRequired:
        return _schema(arguments[0], parts)
    if origin is typing.Annotated:
        schema = _schema(arguments[0], parts)
        for mark in arguments[1:]:
            schema |= {"enum": list(mark.words)} if isinstance(mark, OneOf) else {}
            schema |= {"propertyNames": {"pattern": mark.pattern}} if isinstance(mark, Keys) else {}
            schema |= {"description": mark.text} if isinstance(mark, Says) else {}
        return schema
    if origin is typing.Literal:
        return {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
    if origin in (typing.Union, types.UnionType):
        return _either([_schema(one, parts) for one in arguments])
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], parts)}
    assert origin is dict and arguments[0] is str, f"a document has no {kind}"
    return {"type": "object", "additionalProperties": _schema(arguments[1], parts)}


def _either(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """One of several; kinds that need no more than their names as one list of them."""
    if all(schema.keys() == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}


def unit_of(key: str) -> str:
    """What a key's name says of its unit; empty if nothing.

    >>> unit_of("latency_s"), unit_of("offered_per_s"), unit_of("name")
    ('in seconds', 'per second', '')
    """
    for ending, unit in UNITS.items():
        if key.endswith(ending):
            return unit if unit.startswith(("a ", "per ")) else f"in {unit}"
    return ""


def _comments(document: type) -> dict[str, str]:
    """The comments beside the keys of a type (``#:``), and of those that it was made of; none without its source."""
    module = sys.modules[document.__module__]
    try:
        source = textwrap.dedent(inspect.getsource(document))
        tree = ast.parse(source).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    if not isinstance(tree, ast.ClassDef):
        return {}
    comments: dict[str, str] = {}
    for base in tree.bases:
        made_of = _named(base, module)
        comments |= _comments(made_of) if typing.is_typeddict(made_of) else {}
    lines = source.splitlines()
    for field in tree.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            _, mark, comment = lines[(field.end_lineno or 1) - 1].partition("#:")
            comments |= {field.target.id: comment.strip()} if mark else {}
    return comments


def _named(name: ast.expr, module: types.ModuleType) -> Any:
    """What a name, or a name in another module, stands for."""
    if isinstance(name, ast.Attribute):
        return getattr(_named(name.value, module), name.attr, None)
    return getattr(module, name.id, None) if isinstance(name, ast.Name) else None
