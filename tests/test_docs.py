"""The site: its pages say what the program prints, generated pages are not stale, and every thing has its entry."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT, SLOW

from simulator import Scenario, load_scenario, scenario_from_text
from simulator.cli import COMMANDS
from simulator.verification import families_of

DOCS = ROOT / "docs"
#: Folders whose pages are executed.
EXECUTED = ("tutorial", "how-to", "explanation")
PAGES = sorted(page for folder in EXECUTED for page in (DOCS / folder).glob("*.md"))
PAGES = [ROOT / "README.md", *(page for page in PAGES if page.stem != "own-model")]  # which test_tutorial.py runs
BLOCK = re.compile(r"^(<!-- slow -->\n)?```(yaml|python|console)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"# ([\w./-]+\.(?:yaml|py))\n")

#: Lines of an output that may be left out, where there is one such line.
LEFT_OUT = "..."
#: Lines of an output that is cut when it is written anew.
MOST = 24


def printed_by(line: str, shardsim) -> str:
    """What a command prints, of errors if nothing else; with ``; echo $?`` its exit code, too.

    What it says of its progress depends on the clock and is not looked at.
    """
    command, _, rest = line.partition(";")
    program, *args = shlex.split(command)
    assert program == "shardsim", line
    code, out, err = shardsim(*args)
    printed = re.sub(r"(?m)^verified in [0-9.]+ s", "verified in 1.30 s", out or err)
    printed = "\n".join(part.rstrip() for part in printed.splitlines()) + "\n" * bool(printed)
    return printed + (f"{code}\n" if rest.strip() == "echo $?" else "")


def without_words(scenario: Scenario) -> dict[str, object]:
    """What a scenario resolves to, without its description."""
    return {**scenario.resolved(), "description": ""}


def same(shown: str, printed: str) -> bool:
    """Whether an output is as shown; ``...`` stands for any lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == LEFT_OUT else re.escape(line) + r"\n" for line in shown.splitlines())
    return re.fullmatch(pattern, printed) is not None


def cut(printed: str, shown: str, most: int = MOST, last: int = 0) -> str:
    """An output of which a page shows the beginning, and the last lines; all of it where nothing was left out."""
    before, is_cut, after = shown.partition(f"{LEFT_OUT}\n")
    lines, last = printed.splitlines(), max(last, len(after.splitlines()))
    most = max(most, len(before.splitlines())) if before and not is_cut else most + len(after.splitlines())
    return "\n".join(
        lines if len(lines) <= most else [*lines[: most - 1 - last], LEFT_OUT, *lines[len(lines) - last :]]
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_page_prints_what_it_shows(page, tmp_path, monkeypatch, request, shardsim):
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    text = written = page.read_text()
    names: dict[str, object] = {}
    for slow, kind, block in BLOCK.findall(text):
        named = NAMED.match(block)
        if slow and not (SLOW or request.config.getoption("--regenerate")):
            continue
        if kind == "console":
            command, _, shown = block.partition("\n")
            printed = printed_by(command.removeprefix("$ "), shardsim)
            if not same(shown, printed):
                assert request.config.getoption("--regenerate"), printed
                most, last = 15 if page.stem == "README" else MOST, 5 if "echo" in command else 0
                new = f"{command}\n{cut(printed, shown, most, last)}".rstrip("\n")
                written = written.replace(f"```console\n{block}```\n", f"```console\n{new}\n```\n", 1)
        elif named and named[1].startswith("scenarios/"):
            assert scenario_from_text(block).resolved() == without_words(load_scenario(ROOT / named[1]))
        elif named:
            Path(named[1]).write_text(block)
        elif kind == "python":
            exec(block, names)
    if written != text:
        page.write_text(written)


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated", DOCS / "generated.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_as_the_program_makes_them(generated):
    made = generated.pages()
    there = {
        str(path.relative_to(generated.REFERENCE)): text
        for path in generated.REFERENCE.rglob("*.md")
        if (text := path.read_text()).startswith(generated.MADE)
    }
    assert set(there) == set(made), "make docs-pages"
    for name, text in made.items():
        assert there[name] == text, f"{name} is stale: make docs-pages"


def test_every_command_key_field_and_code_has_its_entry(generated):
    from simulator.base.exit_codes import EXIT_CODES
    from simulator.documents import schemas
    from simulator.scenario.keys.explained import all_parts

    text = {name: (generated.REFERENCE / name).read_text() for name in generated.pages()}

    def entries(pattern: str, folder: str) -> set[str]:
        pages = "".join(page for name, page in text.items() if name.startswith(folder))
        return set(re.findall(pattern, pages, re.MULTILINE))

    assert entries(r"^# shardsim (.+)$", "commands/") == set(COMMANDS)
    assert entries(r"^### `(.+)`$", "scenario/") == {key.asked for part in all_parts() for key in part.keys}
    assert entries(r"^\| `(\d+)` \|", "exit_codes.md") == set(map(str, EXIT_CODES))
    for document in schemas.DOCUMENTS:
        schema = schemas.document_schema(document)
        bodies = (schema, *schema.get("$defs", {}).values())
        fields = {field for body in bodies for field in body.get("properties", {})}
        named = {field for field in entries(r"^\| `(.+?)` \|", f"documents/{document}.md") if field[0] != "/"}
        assert named == fields
        assert "|  |\n" not in text[f"documents/{document}.md"], "a field of which nothing is said"


@pytest.mark.parametrize(
    "page",
    [*sorted(ROOT.glob("*.md")), ROOT / "tests" / "README.md", *sorted(DOCS.rglob("*.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_no_line_of_a_page_is_too_long_to_read(page):
    text = re.sub(r"^```.*?^```\n", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    long = [line for line in text.splitlines() if len(line) > 200 and not line.lstrip().startswith("|")]
    assert not long


#: Pages of the design that hold no decisions.
PLAIN = ("index", "not-there", "measurements")


@pytest.mark.parametrize("page", sorted(DOCS.glob("design/*.md")), ids=lambda page: page.stem)
def test_a_decision_has_its_date_context_choice_and_price(page):
    decisions = re.split(r"^## ", page.read_text(), flags=re.MULTILINE)[1:]
    assert bool(decisions) or page.stem in PLAIN
    for decision in decisions:
        title, _, rest = decision.partition("\n")
        assert re.match(r"\*20\d\d-\d\d-\d\d", rest), title
        parts = re.findall(r"^\*\*(Context|Choice|Price)\.\*\*", rest, flags=re.MULTILINE)
        assert page.stem in PLAIN or parts == ["Context", "Choice", "Price"], title


def test_the_readme_fits_a_screen_or_two():
    text = (ROOT / "README.md").read_text()
    assert 600 <= len(text.split()) <= 800
    assert len(text.splitlines()) <= 120


def test_the_page_of_accuracy_has_a_row_for_every_family():
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "explanation" / "how-accurate.md").read_text(), re.MULTILINE)
    assert rows == families_of(deep=True)
