"""``covidmtl run`` on the shown scan: file in, command, case folder out, scene shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ChestCTJobs.hand_over import write_volume
from ChestCTJobs.job import Work
from COVIDMTLLib.case_settings import PARTS, Part

CT_FILE, CASE_FOLDER = "ct.nrrd", "case"


@dataclass(frozen=True)
class RunRequest:
    """What to run, in the words of ``covidmtl run``.

    Attributes:
        lesions: Lesion method; empty for the usual one.
        parts: Parts of the case beyond lungs and lesions.
        age: In years; None where unknown.
        sex: "female" or "male"; empty where unknown.
    """

    lesions: str = ""
    parts: frozenset[Part] = frozenset(PARTS)
    age: float | None = None
    sex: str = ""

    def command(self) -> tuple[str, ...]:
        """The arguments of ``covidmtl``."""
        command = ["run", CT_FILE, "-o", CASE_FOLDER]
        command += ["--lesions", self.lesions] if self.lesions else []
        command += ["--age", f"{self.age:g}"] if self.age is not None else []
        command += ["--sex", self.sex] if self.sex else []
        for part in PARTS:
            command += [] if part in self.parts else ["--without", part]
        return tuple(command)


def run_work(volume: Any, request: RunRequest, kept: Path, show: Callable[[], None]) -> Work:
    """Return the work that runs the whole case.

    Args:
        volume: The CT's node.
        request: What to run.
        kept: Where the finished case is put; an earlier one there is replaced.
        show: Shows the case from there.
    """

    def before(folder: Path) -> Iterator[None]:
        yield from write_volume(volume, folder / CT_FILE)

    def load(folder: Path) -> Iterator[None]:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(folder / CASE_FOLDER, kept)
        yield

    def shown() -> Iterator[None]:
        show()
        yield

    return Work((request.command(),), before, load, shown)
