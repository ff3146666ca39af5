"""The names that somebody probably meant who wrote another one."""

from collections.abc import Iterable
from difflib import get_close_matches

#: Names of ours, and what others call them.
_OTHERS = {
    "round_robin": "rr rotation",
    "least_outstanding": "least_loaded least_connections least_connection least_conn leastconn least_request "
    "least_requests least_busy least_queue jsq join_shortest_queue shortest_queue lor",
    "least_work": "least_work_left lwl shortest_work",
    "power_of_two": "p2c po2 po2c pow2 two_choices best_of_two random_two",
    "peak_ewma": "ewma peakewma latency_aware least_latency least_time least_response_time",
    "c3": "cubic cubic_replica_selection replica_ranking",
    "adaptive": "inverse_latency weighted_latency weighted_response_time dynamic_snitch",
    "random": "uniform rand",
    "same": "same_replica same_node same_shard where_it_was",
    "processor": "ps processor_sharing cpu cpu_sharing time_sharing timesharing time_slicing round_robin_cpu "
    "egalitarian equal",
}
_OURS = {other: name for name, others in _OTHERS.items() for other in others.split()}
#: Names that are offered at most, letters that a beginning has at least, and how alike two names are at least.
MOST, LEAST_LETTERS, ALIKE = 3, 3, 0.65


def nearest(given: str, known: Iterable[str]) -> list[str]:
    """Names like the one that was given: ours for another's, or those that begin so, are alike, or have it as a part.

    >>> nearest("nvidia_h100", ["nvidia_h100_pcie", "nvidia_h100_sxm", "nvidia_l4"])
    ['nvidia_h100_pcie', 'nvidia_h100_sxm']
    >>> nearest("Shard", ["shards", "share"]), nearest("replicas_a_shard", ["replicas"]), nearest("x", ["y"])
    (['shards'], ['replicas'], [])
    >>> nearest("A100", ["nvidia_a100_40", "nvidia_a100_80", "nvidia_l4"]), nearest("l4", ["nvidia_l4"])
    (['nvidia_a100_40', 'nvidia_a100_80'], ['nvidia_l4'])
    >>> nearest("Least-Conn", ["least_work", "least_outstanding"])
    ['least_outstanding']
    """
    by_letters = {name.lower(): name for name in known}
    asked = given.lower()
    ours = _OURS.get(asked.replace("-", "_").replace(" ", "_"))
    if ours in by_letters:
        return [by_letters[ours]]
    longer = [name for letters, name in by_letters.items() if letters.startswith(asked)]
    if asked in by_letters:
        return [by_letters[asked]]
    if longer and len(asked) >= LEAST_LETTERS:
        return longer[:MOST]
    alike = get_close_matches(asked, by_letters, 1, ALIKE)
    if alike:
        return [by_letters[alike[0]]]
    inside = [name for letters, name in by_letters.items() if asked in letters.split("_")]
    if inside:
        return inside[:MOST]
    shorter = [letters for letters in by_letters if len(letters) > LEAST_LETTERS and asked.startswith(letters)]
    return [by_letters[max(shorter, key=len)]] if shorter else []


def quoted(names: Iterable[str]) -> str:
    """Names as a question has them.

    >>> quoted(["a", "b"])
    "'a' or 'b'"
    """
    return " or ".join(repr(name) for name in names)
