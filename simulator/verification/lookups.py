"""Systems of few features beside a plain server: caches, sources, others beside clients, visits again, autoscalers."""

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


def beside(given: dict[str, str]) -> dict[str, Any]:
    """Clients that wait beside a Poisson stream, at one exponential server."""
    one = {"name": "one", "model": {"kind": "time", "law": {"kind": "exponential", "mean": "1s"}}}
    clients = {"count": int(given["N"]), "think": {"kind": "exponential", "mean": f"{given['Z']}s"}}
    return {"name": "system", "load": {"rate": f"{given['lam']}/s", "clients": clients}, "stages": [one]}


#: Stages behind the first, for queries that come back so many times at most.
TIMES_BACK = 3
#: An autoscaler that knows the load looks so seldom that luck changes nothing: that is beyond eight deviations.
LOOKS_S = 800.0


def comes_back(given: dict[str, str]) -> dict[str, Any]:
    """Queries that fail with a chance come back to one exponential server: as stages on its replicas, with shares.

    As many visits on average as of those who come back until they succeed. Whatever route each takes, the number there
    is geometric (Kelly, 1975), and a visit takes 1 / (mu - rate of visits): so the mean is that of all visits.
    """
    fails, law = float(given["p_fail"]), {"kind": "exponential", "mean": "1s"}
    shares = [fails**again for again in range(1, TIMES_BACK)]
    shares.append(fails**TIMES_BACK / (1 - fails))
    server = {"name": "one", "candidates": 1, "model": {"kind": "time", "law": law}}
    back = [{**server, "name": f"again_{at}", "runs_on": "one", "share": share} for at, share in enumerate(shares, 1)]
    return {"name": "system", "load": {"rate": f"{given['lam']}/s"}, "stages": [server, *back]}


def scaled(given: dict[str, str]) -> dict[str, Any]:
    """Replicas chosen at random, of which an autoscaler soon leaves so many as the load needs: as many M/M/1."""
    law = {"kind": "exponential", "mean": "1s"}
    rule = {"rule": "ideal", "target": given["target"], "delay": "0s", "every": f"{LOOKS_S!r}s", "max": int(given["n"])}
    one = {"name": "one", "model": {"kind": "time", "law": law}, "replicas": int(given["n"]), "routing": "random"}
    return {"name": "system", "load": {"rate": f"{given['lam']}/s"}, "stages": [{**one, "autoscale": rule}]}


#: Families of one feature each, and what makes their scenarios.
ONES = {"closed_beside": beside, "feedback": comes_back, "autoscaled": scaled}


def of_one(family: str, given: dict[str, str]) -> dict[str, Any]:
    """The scenario of a row of such a family."""
    return ONES[family](given)
