"""Text of others on a page: escaped, wherever it stands; and the frame of a page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any

from simulator.base.foreign import escaped

#: Nothing is fetched from anywhere, nothing is sent, no text becomes a program.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def shown(text: object, keep: str = "") -> str:
    """A text as HTML, in an element or in an attribute with quotes: what is not seen is spelled out.

    >>> shown('</b onclick="x">')
    '&lt;/b onclick=&quot;x&quot;&gt;'
    """
    return html.escape(escaped(str(text), keep=keep), quote=True)


def element(tag: str, *content: str, **attributes: str) -> str:
    """An element around HTML; attributes are text. A name of Python's ends with a line that is left out: ``class_``.

    >>> element("td", shown("1 < 2"), class_="number")
    '<td class="number">1 &lt; 2</td>'
    """
    said = "".join(f' {name.rstrip("_").replace("_", "-")}="{shown(value)}"' for name, value in attributes.items())
    return f"<{tag}{said}>{''.join(content)}</{tag}>"


def data(name: str, values: Any) -> str:
    """Values for the page's program, as JSON in which nothing ends the element that it stands in.

    >>> data("one", {"a": "</script>"})
    '<script type="application/json" id="one">{"a":"\\\\u003c/script\\\\u003e"}</script>'
    """
    text = json.dumps(values, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script type="application/json" id="{shown(name)}">{text}</script>'


def program(text: str) -> str:
    r"""A program of ours, or of the library, in the page: in its texts nothing ends its element.

    >>> program("a = '</script>'")
    "<script>a = '<\\/script>'</script>"
    """
    kept = re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE).replace("<!--", r"\x3c!--")
    return f"<script>{kept}</script>"


def page(title: str, style: str, body: Iterable[str], policy: str = POLICY) -> str:
    """A whole page; ``policy``: what it may do."""
    head = (
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{shown(title)}</title>\n<style>{style}</style>\n"
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}</head>\n<body>\n{"".join(body)}\n</body>\n</html>\n'
