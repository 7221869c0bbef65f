"""A zip archive unpacked into a private temporary folder that is removed afterwards."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ChestCTLib.errors import InputError
from ChestCTLib.progress import CancelCheck, never_cancelled, raise_if_cancelled

MAX_ENTRIES = 100_000  # a whole-body dynamic study has some ten thousand images
MAX_UNPACKED_BYTES = 16 * 1024**3  # beyond any chest study; keeps an archive bomb from filling the disk
CHUNK_BYTES = 1 << 20


@contextmanager
def unpacked(archive: Path, cancelled: CancelCheck = never_cancelled) -> Iterator[Path]:
    """Unpack a zip archive for the time of a ``with`` block.

    Entries that point outside the folder, and links, are refused; so is an archive that unpacks to far too much.

    Args:
        archive: The zip file.
        cancelled: Cancel check.

    Yields:
        A folder only this user can read; it is removed at the end.

    Raises:
        InputError: The archive is damaged, encrypted, unsafe or too large.
        CancelledError: The user cancelled.
    """
    folder = Path(tempfile.mkdtemp(prefix="chestct-"))  # mode 0700: the images are somebody's
    try:
        try:
            _unpack(archive, folder, cancelled)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError) as error:
            raise InputError("The zip archive is damaged.", "Copy or export it again.") from error
        except RuntimeError as error:  # how zipfile tells of a password
            raise InputError("The zip archive is encrypted.", "Unpack it first.") from error
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: Path, folder: Path, cancelled: CancelCheck) -> None:
    written = 0
    with zipfile.ZipFile(archive) as source:
        entries = [entry for entry in source.infolist() if not entry.is_dir()]
        if len(entries) > MAX_ENTRIES:
            raise InputError(f"The zip archive holds {len(entries)} files.", f"At most {MAX_ENTRIES} are read.")
        for number, entry in enumerate(entries):
            raise_if_cancelled(cancelled)
            _refuse_unsafe(entry)
            # own names: two entries of one name stay apart, and odd or personal names never reach the disk
            with source.open(entry) as packed, open(folder / f"{number:06d}{_suffix(entry)}", "wb") as target:
                while chunk := packed.read(CHUNK_BYTES):
                    written += len(chunk)
                    if written > MAX_UNPACKED_BYTES:
                        raise InputError(
                            f"The zip archive unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB.", "Unpack it first."
                        )
                    target.write(chunk)


def _refuse_unsafe(entry: zipfile.ZipInfo) -> None:
    name = entry.filename.replace("\\", "/")
    path = PurePosixPath(name)
    link = stat.S_ISLNK(entry.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or name[1:2] == ":" or link:
        raise InputError("The zip archive has an entry that points outside of it.", "Do not trust this archive.")


def _suffix(entry: zipfile.ZipInfo) -> str:
    name = entry.filename.lower()
    for suffix in (".nii.gz", ".seg.nrrd"):
        if name.endswith(suffix):
            return suffix
    suffix = PurePosixPath(name.replace("\\", "/")).suffix
    return suffix if suffix[1:].isalnum() else ""
