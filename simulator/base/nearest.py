"""The names that somebody probably meant who wrote another one."""

from collections.abc import Iterable
from difflib import get_close_matches

#: Names that are offered at most, letters that a beginning has at least, and how alike two names are at least.
MOST, LEAST_LETTERS, ALIKE = 3, 3, 0.65


def nearest(given: str, known: Iterable[str]) -> list[str]:
    """Names like the one that was given: those that begin so, the most alike, those that have it as a part or begin it.

    >>> nearest("nvidia_h100", ["nvidia_h100_pcie", "nvidia_h100_sxm", "nvidia_l4"])
    ['nvidia_h100_pcie', 'nvidia_h100_sxm']
    >>> nearest("Shard", ["shards", "share"]), nearest("replicas_a_shard", ["replicas"]), nearest("x", ["y"])
    (['shards'], ['replicas'], [])
    >>> nearest("A100", ["nvidia_a100_40", "nvidia_a100_80", "nvidia_l4"]), nearest("l4", ["nvidia_l4"])
    (['nvidia_a100_40', 'nvidia_a100_80'], ['nvidia_l4'])
    """
    by_letters = {name.lower(): name for name in known}
    asked = given.lower()
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
