"""Text of others as a terminal may be given it: what it would obey is spelled out."""

import json
import unicodedata

#: Categories of letters that a terminal obeys, or that turn or hide what stands beside them (Unicode, chapter 4.5).
_OBEYED = ("Cc", "Cf", "Cs", "Zl", "Zp")


def escaped(text: str, keep: str = "") -> str:
    r"""The text with every control letter spelled out, but those to ``keep``.

    >>> escaped("a\x1b[2Jb\nc"), escaped("a\nb", keep="\n")
    ('a\\x1b[2Jb\\nc', 'a\nb')
    """
    if text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode()
        if letter not in keep and unicodedata.category(letter) in _OBEYED
        else letter
        for letter in text
    )


def spelled(document: str) -> str:
    r"""JSON with what a terminal would obey spelled as JSON does, so that it reads back as it was.

    Of ASCII that is done but for one letter; to JSON other controls, and those that turn the writing, are letters.

    >>> spelled('{"a": "\x9b2J"}'), spelled('{"a": "é"}')
    ('{"a": "\\u009b2J"}', '{"a": "é"}')
    """
    if document.isascii() and "\x7f" not in document:
        return document
    return "".join(
        json.dumps(letter)[1:-1] if letter != "\n" and unicodedata.category(letter) in _OBEYED else letter
        for letter in document
    )
