"""Systems that are more than a plain stage: a cache, clients beside others, a stage of two sources."""

from typing import Any

#: The time of a task, where queries come once a second.
ASKED_S = 1e-6


def cached(given: dict[str, str]) -> dict[str, Any]:
    """A stage that holds so many of so many keys; a hit takes no time."""
    popularity = {"kind": "zipf", "s": float(given["zipf"]), "catalogue": int(given["N"])}
    cache = {"size": int(given["C"]), "popularity": popularity}
    return {"name": "one", "model": {"kind": "time", "law": f"{ASKED_S!r}s"}, "cache": cache}


def fleets(given: dict[str, str], unit_s: float) -> dict[str, Any]:
    """A stage of two sources of N and M shards, whose times are exponential of means a and b, in a unit."""

    def source(name: str, mean: str, shards: str) -> dict[str, Any]:
        law = {"kind": "exponential", "mean": f"{float(given[mean]) * unit_s!r}s"}
        return {"name": name, "model": {"kind": "time", "law": law}, "shards": int(given[shards])}

    return {"name": "one", "sources": [source("first", "a", "N"), source("second", "b", "M")]}


def beside(_: str, given: dict[str, str]) -> dict[str, Any]:
    """Clients that wait beside a Poisson stream, at one exponential server."""
    one = {"name": "one", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}}
    clients = {"count": int(given["N"]), "think": {"kind": "exponential", "mean": f"{given['Z']}s"}}
    return {"name": "system", "load": {"rate": f"{given['lam']}/s", "clients": clients}, "stages": [one]}
