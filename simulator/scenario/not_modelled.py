"""Keys that are known from elsewhere, and what they stand for: this version does not model it, and says so."""

#: What is not modelled, and the names that it goes by.
_NAMES = {
    "joining queries that miss at a time": "coalescing single_flight request_collapsing",
    "interrupting what is served": "preemption preemptive preempt",
    "dropping what has waited for long": "drop_after",
    "sticky routing": "affinity sticky session_affinity consistent_hashing consistent_hash ip_hash ring_hash maglev",
    "probing the queues of replicas (Prequal)": "prequal",
    "starting cold": "cold_start warmup_time startup_time boot_time",
}
NOT_MODELLED = {name: what for what, names in _NAMES.items() for name in names.split()}


def not_modelled(key: str) -> str:
    """What a key would mean that this version does not model; empty if nobody has heard of it.

    >>> not_modelled("preemption"), not_modelled("shrads")
    ('interrupting what is served', '')
    """
    return NOT_MODELLED.get(key.lower().replace("-", "_"), "")


def said_of(given: str) -> str:
    """What is added to an error about a value or key that means something which is not modelled.

    >>> said_of("maglev"), said_of("shrads")
    ('; sticky routing is not modelled in this version', '')
    """
    absent = not_modelled(given)
    return f"; {absent} is not modelled in this version" if absent else ""
