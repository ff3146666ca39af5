"""The scenarios that come with the package: templates of a first one, each with the question that it answers."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

#: Templates and their data. In the sources it is a link to ``scenarios/``, which a built package holds as files.
GALLERY = Path(__file__).parent.parent / "gallery"
#: Line by which editors find the JSON Schema.
SCHEMA_LINE = "# yaml-language-server: $schema=schema.json\n"


@dataclass(frozen=True)
class Template:
    """A scenario of the gallery."""

    path: Path

    @property
    def name(self) -> str:
        """As it is asked for."""
        return self.path.stem

    @cached_property
    def text(self) -> str:
        """The scenario as it stands in the gallery."""
        return self.path.read_text(encoding="utf-8")

    @property
    def question(self) -> str:
        """What it answers."""
        return question(self.text)

    def files(self, path: Path) -> dict[Path, str]:
        """What stands where if the scenario is to stand at ``path``: the files that it names beside it, then itself."""
        files = {
            path.parent / source.relative_to(GALLERY): with_schema(source.read_text(encoding="utf-8"), path.parent)
            for source in needed(self.text)
        }
        return {**files, path: with_schema(self.text, path.parent)}


def templates() -> list[Template]:
    """The templates of the gallery, by name."""
    return [Template(path) for path in sorted(GALLERY.glob("*.yaml"))]


def question(text: str) -> str:
    """What a scenario opens with: its first comment, up to the question mark.

    >>> question("# yaml-language-server: $schema=schema.json\\n# Two queues.\\n# Which is shorter? Try\\nname: two\\n")
    'Two queues. Which is shorter?'
    """
    opening = text.removeprefix(SCHEMA_LINE).partition("\nname:")[0].splitlines()
    comment = " ".join(line.removeprefix("#").strip() for line in opening if line.startswith("#"))
    words, mark, _ = comment.partition("?")
    return words + mark


def needed(text: str) -> list[Path]:
    """Files of the gallery that a template names: its data, and a scenario that it extends, with what that names."""
    named = [source for source in sorted(GALLERY.glob("data/*")) if source.relative_to(GALLERY).as_posix() in text]
    extended = re.search(r"^extends:\s*([\w.-]+)", text, re.MULTILINE)
    if extended is None:
        return named
    base = GALLERY / extended[1]
    below = needed(base.read_text(encoding="utf-8"))
    return [*(source for source in named if source not in below), *below, base]


def with_schema(text: str, folder: Path) -> str:
    """The text with the line that names the schema if there is one in the folder, else without."""
    text = text.removeprefix(SCHEMA_LINE)
    return SCHEMA_LINE + text if (folder / "schema.json").is_file() else text
