"""Quantities as others spell them, and how they are written here: an offer in an error, never a reading."""

import re
from collections.abc import Iterator

from simulator.base.formats import shortest

_NUMBER = r"(\+?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
_AMOUNT = re.compile(rf"\s*{_NUMBER}\s*(.*?)\s*")
_TIMES = {
    "ns": "ns nsec nsecs nano nanos nanosecond nanoseconds",
    "us": "us usec usecs micro micros microsecond microseconds μs µs",
    "ms": "ms msec msecs milli millis millisecond milliseconds",
    "s": "s sec secs second seconds",
    "m": "m min mins minute minutes",
    "h": "h hr hrs hour hours",
    "d": "d day days",
}
_TIME = {word: unit for unit, words in _TIMES.items() for word in words.split()}
_PART = re.compile(rf"\s*{_NUMBER}\s*([^\W\d]+)[\s,.]*(?:and)?")
_RATE = re.compile(r"([kmg]?)(?:(?:[a-z]*)/([a-z]+)|(?:queries|[qrt])p([smh])|(hz))")
_PREFIXES = {
    prefix: short
    for short, words in {
        "": "",
        "k": "k kilo",
        "M": "m mega",
        "G": "g giga",
        "T": "t tera",
        "P": "p peta",
        "Ki": "ki kibi",
        "Mi": "mi mebi",
        "Gi": "gi gibi",
        "Ti": "ti tebi",
    }.items()
    for prefix in (words.split() or [""])
}
#: Units, and what others call them, without what is before or after a slash that is the same.
_UNITS = {
    "B": "b byte bytes",
    "B/s": "b/s bps byte/s bytes/s",
    "FLOP": "flop flops",
    "FLOP/s": "flop/s flops flops/s",
    "W": "w watt watts",
    "USD/h": "usd/h $/h dollar/h dollars/h usd",
}
_BITS = re.compile(r"([kKmMgGtTpP]?)(?:b|[bB]its?)(ps|/s)?")


def offered(text: str, unit: str) -> str:
    """A quantity in our spelling; empty if nobody would spell it as it is.

    Parameters
    ----------
    text
        What was given, and is none of ours.
    unit
        What it is to be: ``s``, ``/s``, or one of those of machines, such as ``B`` or ``FLOP/s``.

    >>> offered("120 qps", "/s"), offered("90 requests/minute", "/s"), offered("1 min 30 sec", "s")
    ('120/s', '90/min', '1m30s')
    >>> offered("16G", "B"), offered("10 Gbps", "B/s"), offered("1 teraflops", "FLOP/s"), offered("much", "B")
    ('16 GB', '1.25 GB/s', '1 TFLOP/s', '')
    """
    if unit == "s":
        return "".join(_times(text))
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return ""
    number, spelled = match[1], re.sub(r"\s*per\s*", "/", match[2].replace(" ", ""))
    return _rate(number, spelled.lower()) if unit == "/s" else _amount(number, _in_seconds(spelled), unit)


def _times(text: str) -> Iterator[str]:
    """The parts of a duration; none if one of them is nothing like it."""
    found = list(_PART.finditer(text))
    words = [_TIME.get(part[2].lower()) for part in found]
    if "".join(part[0] for part in found) != text or None in words:
        return
    for part, word in zip(found, words, strict=True):
        yield f"{shortest(24 * float(part[1]))}h" if word == "d" else f"{part[1]}{word}"


def _rate(number: str, spelled: str) -> str:
    match = _RATE.fullmatch(spelled)
    per = None if match is None else _TIME.get(match[2] or match[3] or "s")
    if match is None or per not in ("s", "m", "h"):
        return ""
    return f"{number}{_PREFIXES[match[1]]}/{'min' if per == 'm' else per}"


def _in_seconds(spelled: str) -> str:
    """Words for a second or an hour after a slash as s or h."""
    head, slash, time = spelled.partition("/")
    return f"{head}{slash}{_TIME.get(time.lower(), time)}"


def _amount(number: str, spelled: str, unit: str) -> str:
    bits = _BITS.fullmatch(spelled)
    is_meant = bits is not None and (bits[1].isupper() or "bit" in spelled or bits[2] == "ps")
    if bits is not None and is_meant and unit == ("B/s" if bits[2] else "B"):
        return f"{shortest(float(number.replace('_', '')) / 8)} {_PREFIXES[bits[1].lower()]}{unit}"
    asked = spelled.lower()
    for prefix, short in _PREFIXES.items():
        names = _UNITS[unit].split()
        if asked in [prefix + name for name in names] or (unit == "B" and asked == prefix != ""):
            return f"{number} {short}{unit}"
    return ""
