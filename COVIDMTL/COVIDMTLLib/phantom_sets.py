"""Phantoms as cases of a training: made one by one, and what was prepared from each is kept for the next time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.manifest import plain
from ChestCTLib.phantom import Phantom, PhantomSettings, make_phantom
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled

Facts: TypeAlias = dict[str, float]
Prepare: TypeAlias = Callable[[Phantom, Path], Facts]
"""Writes what a training needs of a phantom to the path, and tells facts of the phantom that it also needs."""


@dataclass(frozen=True)
class PreparedPhantom:
    """What is kept of a phantom.

    Attributes:
        settings: What it was made from.
        file: What was prepared from it.
        facts: Such as its lesion volume.
    """

    settings: PhantomSettings
    file: Path
    facts: Facts


def prepare_phantoms(
    wanted: Sequence[PhantomSettings],
    prepare: Prepare,
    shaped_by: Any,
    folder: Path,
    suffix: str,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> list[PreparedPhantom]:
    """Make phantoms and prepare them; those that the folder holds already are not made again.

    Args:
        wanted: The phantoms.
        prepare: Prepares one.
        shaped_by: Settings that shape what is prepared: with other ones, or after a change of the phantoms' generator,
            it is prepared anew.
        folder: Keeps what was prepared; several sets may share it.
        suffix: Of the prepared files, such as ``.npy``.
        progress: Told the share made.
        cancelled: Asked between phantoms.

    Raises:
        CancelledError: The user cancelled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, settings in enumerate(wanted):
        raise_if_cancelled(cancelled)
        progress(number / len(wanted), f"phantom {number + 1} of {len(wanted)}")
        key = hashlib.sha256(repr((_generator_version(), plain(settings), plain(shaped_by))).encode()).hexdigest()[:24]
        file, notes = folder / f"{key}{suffix}", folder / f"{key}.json"
        if not file.is_file():
            with atomic_path(file) as temporary:  # appears last: where it is, the facts are there, too
                facts = prepare(make_phantom(settings), temporary)
                if facts:
                    with atomic_path(notes) as beside:
                        beside.write_text(json.dumps(facts), encoding="utf-8")
        made.append(PreparedPhantom(settings, file, json.loads(notes.read_text("utf-8")) if notes.is_file() else {}))
    progress(1.0, "phantoms are made")
    return made


@cache
def _generator_version() -> str:
    """Changes with the phantoms' source: nothing that was made by an older generator is taken."""
    digest = hashlib.sha256()
    for source in sorted(resources.files("ChestCTLib.phantom").iterdir(), key=lambda entry: entry.name):
        if source.name.endswith(".py"):
            digest.update(source.read_bytes())
    return digest.hexdigest()
