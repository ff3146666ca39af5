"""Text of others as a terminal may be given it: what it would obey is spelled out."""

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
