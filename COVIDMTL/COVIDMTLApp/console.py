"""What every command shares: progress, cancel and errors.

With ``--progress json`` the command writes one JSON object a line to standard output, for programs that start it:
``{"fraction": 0.4, "step": "Lungs"}`` while it works, ``{"result": {...}}`` for what it found, and
``{"error": "...", "remedy": "..."}`` when it fails. Exit codes: 0 done, 1 failed with a message, 2 wrong usage,
130 cancelled (by Ctrl-C or SIGTERM). Whatever happens, outputs are whole or not there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import FrameType
from typing import Any

import typer

from ChestCTLib.case_report import RESEARCH_NOTICE, Measure
from ChestCTLib.errors import CancelledError, ChestCTError
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress

CANCELLED_EXIT = 130  # what shells use for a program ended by Ctrl-C


class ProgressStyle(str, Enum):
    """How a command reports its progress."""

    auto = "auto"
    json = "json"
    none = "none"


_style = ProgressStyle.auto


def set_style(style: ProgressStyle) -> None:
    """Choose how this process reports progress; called once by the command line's root."""
    global _style
    _style = style


def is_json() -> bool:
    """Whether a program reads this command's output."""
    return _style is ProgressStyle.json


def say(text: str) -> None:
    """Tell the user something on standard output; silent where a program reads it."""
    if not is_json():
        typer.echo(text)


def say_measures(measures: Iterable[Measure]) -> None:
    """Tell measures of a report; a model's answer with its model, what that learned from, and the research notice."""
    modelled = False
    for measure in measures:
        model = f" [{measure.source}; learned from: {measure.evidence}]" if measure.evidence else ""
        modelled = modelled or bool(model)
        value = f"{measure.text} ({measure.why})" if measure.value is None else f"{measure.text} {measure.unit}"
        say(f"{measure.label}: {value}".rstrip() + model)
    if modelled:
        say(RESEARCH_NOTICE)


def emit(values: dict[str, Any]) -> None:
    """Write one JSON line, where a program reads this command's output."""
    if is_json():
        sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
        sys.stdout.flush()


@contextmanager
def running(title: str) -> Iterator[tuple[Progress, CancelCheck]]:
    """Run a command's work with progress, cancel and errors handled.

    Args:
        title: What the command does, for the progress bar.

    Yields:
        Progress and cancel check to hand to the engine. Ctrl-C and SIGTERM raise out of the work at once; files
        appear only when whole, so nothing half-written stays.

    Raises:
        typer.Exit: With code 1 after an error of the engine, 130 after a cancel.
    """
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _shown_progress(title) as progress:
            yield progress, never_cancelled
    except (KeyboardInterrupt, CancelledError):
        _fail("Cancelled; nothing was written.", "")
        raise typer.Exit(CANCELLED_EXIT) from None
    except ChestCTError as error:
        _fail(error.problem, error.remedy)
        raise typer.Exit(1) from None
    except MemoryError:
        _fail("The computer ran out of memory.", "Close other programs, or choose a smaller or coarser series.")
        raise typer.Exit(1) from None
    except OSError as error:
        name = os.path.basename(str(error.filename)) if error.filename else ""
        _fail(f"{error.strerror or error} {name}".strip() + ".", "Check the path, its permissions and the free space.")
        raise typer.Exit(1) from None
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _fail(problem: str, remedy: str) -> None:
    emit({"error": problem, "remedy": remedy})
    typer.echo(f"covidmtl: {problem} {remedy}".rstrip(), err=True)


@contextmanager
def _shown_progress(title: str) -> Iterator[Progress]:
    if _style is ProgressStyle.json:
        yield lambda fraction, step: emit({"fraction": round(fraction, 4), "step": step})
    elif _style is ProgressStyle.none or not sys.stderr.isatty():
        yield no_progress
    else:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        with Bar(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=1.0)
            yield lambda fraction, step: bar.update(task, completed=fraction, description=f"{title}: {step}")
