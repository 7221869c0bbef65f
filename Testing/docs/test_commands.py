"""The commands in the documentation work: they are run, or where that takes real data or an hour, at least parsed.

A command stands in a ``console`` block, one a line after ``$``. A block that is not run says why in a comment above it:
``<!-- not run: reason -->``. The blocks of a page are run in one folder, from top to bottom.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from COVIDMTLApp.cli import app

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))
README = REPOSITORY / "README.md"
GENERATED = REPOSITORY / "docs" / "reference" / "commands.md"
BLOCK = re.compile(r"(?:<!-- not run: ([^\n]+?) -->\s*\n)?```(\w*)\n(.*?)```", re.DOTALL)
NAMED = re.compile(r"`(covidmtl [^`\n]+)`|^(covidmtl [^\n]+)", re.MULTILINE)
MADE = re.compile(r"`make ([\w-]+)|^(?:\$ )?make ([\w-]+)", re.MULTILINE)
MAKE_TARGET = re.compile(r"^([\w-]+):", re.MULTILINE)
CONTINUED = re.compile(r"\\\n\s*")
OWN = "covidmtl"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, why it is not run (if so), and its lines."""

    language: str
    not_run: str | None
    lines: tuple[str, ...]

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command."""
        return [shlex.split(line.removeprefix("$ "), comments=True) for line in self.lines]


def _blocks(path: Path) -> list[Block]:
    found = BLOCK.findall(path.read_text(encoding="utf-8"))
    return [Block(kind, why or None, tuple(CONTINUED.sub(" ", text).splitlines())) for why, kind, text in found]


def _console(path: Path) -> list[Block]:
    return [block for block in _blocks(path) if block.language == "console"]


def _name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


WITH_COMMANDS = [page for page in PAGES if _console(page)]
RUN = [p for p in WITH_COMMANDS if any(b.not_run is None and OWN in str(b.lines) for b in _console(p))]


@pytest.mark.parametrize("path", RUN, ids=_name)
def test_the_commands_of_a_page_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in _console(path):
        for words in block.commands if block.not_run is None else []:
            if words[0] == OWN:
                done = CliRunner().invoke(app, words[1:], catch_exceptions=False)
                assert done.exit_code == 0, f"{shlex.join(words)}: {done.output}"


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=_name)
def test_commands_that_are_not_run_have_right_options_and_a_reason(path: Path) -> None:
    for block in _console(path):
        assert all(line.startswith("$ ") for line in block.lines), block.lines
        for words in block.commands:
            if words[0] == OWN:
                _parse(words)
            elif words[0] != "make":
                assert block.not_run, f"{shlex.join(words)} is not run: say why above the block"


@pytest.mark.parametrize("path", [p for p in PAGES if p != GENERATED], ids=_name)
def test_commands_stand_in_console_blocks(path: Path) -> None:
    others = [block for block in _blocks(path) if block.language != "console"]
    assert [line for block in others for line in block.lines if line.startswith((OWN, "$"))] == []


@pytest.mark.parametrize("path", [*PAGES, README], ids=_name)
def test_commands_and_options_named_in_the_text_exist(path: Path) -> None:
    for quoted, line in NAMED.findall(path.read_text(encoding="utf-8")):
        _look_up(shlex.split(re.split(r"\s{2,}", quoted or line)[0])[1:])


@cache
def _root() -> Any:
    return typer.main.get_command(app)


@pytest.mark.parametrize("path", [*PAGES, README], ids=_name)
def test_make_targets_named_in_the_text_exist(path: Path) -> None:
    targets = set(MAKE_TARGET.findall((REPOSITORY / "Makefile").read_text(encoding="utf-8")))
    assert {quoted or line for quoted, line in MADE.findall(path.read_text(encoding="utf-8"))} <= targets


def _parse(words: list[str]) -> None:
    """Let the command line parse a command without doing its work."""
    if "--help" in words:
        return _look_up(words[1:])
    called: list[dict[str, Any]] = []
    command = _root()
    for word in words[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    work = command.callback
    command.callback = lambda **values: called.append(values)
    try:
        _root().main(words[1:], prog_name=OWN, standalone_mode=False)
    finally:
        command.callback = work
    assert len(called) == 1, f"{shlex.join(words)} calls no command"


def _look_up(words: list[str]) -> None:
    command = _root()
    known = {"--help", *(name for p in command.params for name in p.opts)}
    for word in words:
        children = getattr(command, "commands", None)
        if word.startswith("-"):
            assert word.split("=")[0] in known, f"{command.name}: no option {word} (of {' '.join(words)})"
        elif children is not None and re.fullmatch(r"[a-z][a-z0-9-]*", word):
            assert word in children, f"there is no command {word} (of {' '.join(words)})"
            command = children[word]
            known |= {name for p in command.params for name in (*p.opts, *p.secondary_opts)}


def test_a_wrong_option_or_command_is_noticed() -> None:
    _parse(["covidmtl", "phantom", "-o", "x", "--spacing", "5", "3", "3"])
    with pytest.raises(Exception, match="no-such"):
        _parse(["covidmtl", "phantom", "-o", "x", "--no-such"])
    with pytest.raises(Exception, match="integer"):
        _parse(["covidmtl", "phantom", "-o", "x", "--seed", "lungs"])
    with pytest.raises(AssertionError, match="nonsense"):
        _look_up(["nonsense"])
    with pytest.raises(AssertionError, match="--nonsense"):
        _look_up(["run", "CT", "--nonsense"])
