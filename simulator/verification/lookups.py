"""A cache whose hit ratio is known: every query looks a key up, and who misses is served before the next one comes."""

from typing import Any

#: The time of a task, where queries come once a second.
ASKED_S = 1e-6


def cached(given: dict[str, str]) -> dict[str, Any]:
    """A stage that holds so many of so many keys; a hit takes no time."""
    popularity = {"kind": "zipf", "s": float(given["zipf"]), "catalogue": int(given["N"])}
    cache = {"size": int(given["C"]), "popularity": popularity}
    return {"name": "one", "model": {"kind": "time", "law": f"{ASKED_S!r}s"}, "cache": cache}


def beside(_: str, given: dict[str, str]) -> dict[str, Any]:
    """Clients that wait beside a Poisson stream, at one exponential server."""
    one = {"name": "one", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}}
    clients = {"count": int(given["N"]), "think": {"kind": "exponential", "mean": f"{given['Z']}s"}}
    return {"name": "system", "load": {"rate": f"{given['lam']}/s", "clients": clients}, "stages": [one]}
