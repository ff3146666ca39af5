"""Strategies of classes of queries, and of what each of them has to score."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from simulator.core.assemble import StageParts
from simulator.core.classes import QueryClass
from simulator.core.disciplines import BY_CODE
from simulator.core.laws import Law
from simulator.testing.strategies.serving import either


def of_classes(
    draw: st.DrawFn,
    parts: Sequence[StageParts],
    said: bool | None,
    kinds: st.SearchStrategy[QueryClass],
    own: st.SearchStrategy[Law],
) -> tuple[list[StageParts], list[QueryClass]]:
    """Classes of the queries of some stages, or none; and these stages, which may score other candidates for each.

    ``said``: whether there are some; None: where a queue looks at them, and now and then. ``kinds``, ``own``: of a
    class, and of the candidates of one.
    """
    looks = any(BY_CODE[part.discipline].looks_at_class for part in parts)
    if not (draw(either(said, 8)) or looks):
        return list(parts), []
    known = draw(st.lists(kinds, min_size=1, max_size=3))
    counts = st.lists(st.one_of(st.just(Law.none()), own), min_size=len(known), max_size=len(known))

    def spread(one: Any) -> Any:
        return replace(one, by_class=draw(counts)) if draw(st.booleans()) else one

    if said is False or draw(st.booleans()):
        return list(parts), known
    spread_parts = [replace(part, sources=[spread(one) for one in part.sources]) for part in parts]
    return [part if part.sources else spread(part) for part in spread_parts], known
