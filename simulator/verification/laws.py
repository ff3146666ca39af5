"""Laws of service times by the names that the tables give them."""

from typing import Any


def service_law(name: str) -> Any:
    """A law of service times of mean 1 s (bimodal: 1.1 s) by the name that the table gives it."""
    if name.startswith("erlang"):
        return {"kind": "gamma", "mean": "1s", "cv": int(name.removeprefix("erlang")) ** -0.5}
    if name.startswith("h2_balanced"):
        return {"kind": "hyperexponential", "mean": "1s", "cv": float(name.split("=")[1]) ** 0.5}
    if name.startswith("bimodal"):
        return {"kind": "mixture", "parts": [{"weight": 99, "law": "1s"}, {"weight": 1, "law": "11s"}]}
    if name == "lognormal_sigma1":
        return {"kind": "lognormal", "mean": "1s", "cv": 1.3108324944320862}  # sqrt(e - 1)
    if name != "uniform(0,2)":
        raise ValueError(f"no law of service times is called {name!r}")
    return {"kind": "uniform", "low": "0s", "high": "2s"}


def fan_out_law(given: dict[str, str]) -> dict[str, Any]:
    """The law of a shard of ``fanout0`` and ``kofn0``."""
    if given["dist"] == "exponential":
        return {"kind": "exponential", "mean": "1ms"}
    if given["dist"] == "lognormal":
        p99 = 2.718281828459045 ** (2.3263478740408408 * float(given["sigma"]))
        return {"kind": "lognormal", "p50": "1ms", "p99": f"{p99!r}ms"}
    return {"kind": "pareto", "minimum": "1ms", "shape": float(given["alpha"])}
