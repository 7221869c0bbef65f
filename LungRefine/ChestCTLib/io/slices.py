"""Labelled sets of two-dimensional CT pictures: cases of slices with their masks, upright, and calibrated on request.

Known layouts, told apart by what the folder holds:

- ``ct/ lungs/ covid/ cases.csv``: slices with a lung mask and an infection mask; ``cases.csv`` gives the case of each.
  Where the pictures look equalised they are taken for OpenCV's CLAHE with a clip limit of 7, as in the code that
  exported the public set (dstaroff/COVID19-CT-Segmentation), and this is undone on the way to HU;
- ``train/ test/`` with ``image/ label/`` each: slices with ground glass and consolidation, every slice its own
  case because patients are not stated. The pictures lie on their side and are mirrored: rows and columns are exchanged,
  as a NIfTI array is stored (in the published files the liver shows it);
- ``image/ labels.csv``: whole slices with a class; groups are cases.

Pictures are read when asked for, so a set of thousands of slices costs nothing until used.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from ChestCTLib.errors import InputError
from ChestCTLib.io.equalisation import Equalisation, looks_equalised, undo_equalisation
from ChestCTLib.io.slice_calibration import CalibrationSettings, calibrate

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
MASK_THRESHOLD = 127  # masks are 0/255, sometimes blurred at the border by resizing
LESION_VALUES = (0, 1, 2)  # background, ground glass, consolidation
PICTURES_LOOKED_AT = 9  # of a set, to see whether it was equalised; slices at its ends say less


@dataclass(frozen=True)
class SliceImage:
    """One picture of an axial slice with its masks, all on one pixel grid.

    Attributes:
        name: File name without suffix.
        file: The picture.
        lungs_file: Lung mask, if the set has one.
        lesions_file: Lesion mask, if the set has one.
        lesion_classes: Whether the lesion mask tells ground glass (1) from consolidation (2); else 1 is any lesion.
        transposed: Whether the file has rows and columns exchanged; arrays are given upright, sternum up and the
            patient's left at the right.
        equalisation: How the picture was equalised; None where it was not.
    """

    name: str
    file: Path
    lungs_file: Path | None = None
    lesions_file: Path | None = None
    lesion_classes: bool = False
    transposed: bool = False
    equalisation: Equalisation | None = None

    def grey(self) -> npt.NDArray[np.uint8]:
        """The picture as published, ``uint8`` ``[y, x]``, upright; colours become grey.

        Raises:
            InputError: The file is missing or damaged.
        """
        return self._upright(_read_picture(self.file, "L"))

    def hu(self, settings: CalibrationSettings | None = None) -> npt.NDArray[np.int16]:
        """The picture on an approximate Hounsfield scale, ``int16`` ``[y, x]``, upright.

        Args:
            settings: How greys become HU; None for what suits the picture: one scale for all of it where its
                equalisation is known and undone, else one that follows the tissues across it.
        """
        if self.equalisation is None:
            return calibrate(self.grey(), settings or CalibrationSettings())
        linear = undo_equalisation(self.grey(), self.equalisation)
        return calibrate(linear, settings or CalibrationSettings(local=False))

    def lungs(self) -> npt.NDArray[np.bool_] | None:
        """Lung mask ``[y, x]``, upright; None where the set has none."""
        if self.lungs_file is None:
            return None
        return self._mask(self.lungs_file) > MASK_THRESHOLD

    def lesions(self) -> npt.NDArray[np.uint8] | None:
        """Lesion mask ``uint8`` ``[y, x]``, upright; None where the set has none. See ``lesion_classes``."""
        if self.lesions_file is None:
            return None
        mask = self._mask(self.lesions_file)
        if not self.lesion_classes:
            return (mask > MASK_THRESHOLD).astype(np.uint8)
        if not np.isin(mask, LESION_VALUES).all():
            raise InputError(
                f"The lesion mask of slice {self.name} holds the values {np.unique(mask)[:8].tolist()}.",
                "Give 0 background, 1 ground glass, 2 consolidation.",
            )
        return mask

    def _mask(self, file: Path) -> npt.NDArray[np.uint8]:
        mask = self._upright(_read_picture(file, "P" if self.lesion_classes else "L"))
        with Image.open(self.file) as picture:
            size = picture.size[::-1] if self.transposed else picture.size
        if mask.shape != size[::-1]:
            raise InputError(f"The mask of slice {self.name} has {mask.shape} pixels, its picture {size[::-1]}.")
        return mask

    def _upright(self, array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return np.ascontiguousarray(array.T if self.transposed else array)


@dataclass(frozen=True)
class SliceCase:
    """The slices of one case (patient or source): never to be cut in two by a split.

    Attributes:
        name: Case, group or slice number, as the set calls it.
        slices: In the set's order, neighbours next to each other where the set has whole scans.
        split: "train", "val", "test" where the set publishes a split.
        covid: Whether the case is labelled COVID-19; None where the set gives no class.
    """

    name: str
    slices: tuple[SliceImage, ...]
    split: str | None = None
    covid: bool | None = None


def read_slice_set(folder: str | Path) -> list[SliceCase]:
    """List the cases of a labelled slice set; pictures are read later, one by one.

    Args:
        folder: One of the layouts above.

    Returns:
        The cases in the set's order.

    Raises:
        InputError: An unknown layout, or files its table names are missing.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise InputError(f"{root.name} is not a folder.", "Give the folder of a slice set.")
    if (root / "ct").is_dir() and (root / "lungs").is_dir():
        return _scans(root)
    if any((root / split / "image").is_dir() for split in ("train", "test")):
        return _turned_slices(root)
    if (root / "labels.csv").is_file():
        return _classified(root)
    raise InputError(
        f"{root.name} holds no slice set that is known.",
        "Known are: ct/ lungs/ covid/ cases.csv; train/ test/ with image/ label/; image/ labels.csv.",
    )


def _scans(root: Path) -> list[SliceCase]:
    files = {path.stem: path for path in _pictures(root / "ct")}
    if (root / "cases.csv").is_file():
        rows = [(row["slice"], row["case"]) for row in _table(root / "cases.csv", ("slice", "case"))]
    else:  # one unnamed case: without the table nothing tells the scans apart
        rows = [(name, "0") for name in sorted(files)]
    equalisation = Equalisation() if _looks_equalised(list(files.values())) else None
    cases: dict[str, list[SliceImage]] = defaultdict(list)
    for name, case in rows:
        cases[case].append(
            SliceImage(
                name,
                _required(files.get(name), f"ct/{name}", root),
                _required(_same_stem(root / "lungs", name), f"lungs/{name}", root),
                _same_stem(root / "covid", name),
                equalisation=equalisation,
            )
        )
    return [SliceCase(name, tuple(slices), covid=True) for name, slices in cases.items()]


def _looks_equalised(files: list[Path]) -> bool:
    """What most of a few pictures say; damaged ones are reported when they are read."""
    seen = []
    for path in files[:: max(1, len(files) // PICTURES_LOOKED_AT)]:
        try:
            seen.append(looks_equalised(_read_picture(path, "L")))
        except InputError:
            continue
    return 2 * sum(seen) > len(seen)


def _turned_slices(root: Path) -> list[SliceCase]:
    cases = []
    for split in ("train", "val", "test"):
        for file in _pictures(root / split / "image"):
            label = _same_stem(root / split / "label", file.stem)
            image = SliceImage(file.stem, file, None, label, lesion_classes=True, transposed=True)
            cases.append(SliceCase(file.stem, (image,), split, covid=True))
    return cases


def _classified(root: Path) -> list[SliceCase]:
    rows = _table(root / "labels.csv", ("file", "covid", "group", "split"))
    groups: dict[tuple[str, str, str], list[SliceImage]] = defaultdict(list)
    for row in rows:
        file = root / "image" / row["file"]
        image = SliceImage(file.stem, _required(file if file.is_file() else None, row["file"], root))
        groups[row["group"], row["split"], row["covid"]].append(image)
    return [
        SliceCase(group, tuple(images), split or None, covid=covid.strip() == "1")
        for (group, split, covid), images in groups.items()
    ]


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES]
    return sorted(found, key=lambda path: (len(path.stem), path.stem) if path.stem.isdigit() else (0, path.stem))


def _same_stem(folder: Path, name: str) -> Path | None:
    candidates = (folder / f"{name}{suffix}" for suffix in PICTURE_SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)


def _required(path: Path | None, name: str, root: Path) -> Path:
    if path is None:
        raise InputError(f"The slice set {root.name} lacks the picture {name}.", "Complete the set.")
    return path


def _table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        missing = [column for column in columns if column not in (reader.fieldnames or [])]
        if missing:
            raise InputError(f"{path.name} lacks the columns {missing}.", f"It needs {', '.join(columns)}.")
        return list(reader)


def _read_picture(path: Path, mode: str) -> npt.NDArray[np.uint8]:
    """One channel of a picture: its grey values ("L") or, for label pictures with a palette, its indices ("P")."""
    try:
        with Image.open(path) as picture:
            if picture.mode in ("I;16", "I", "F"):
                raise InputError(f"{path.name} has more than 8 bits per pixel.", "Give 8-bit pictures.")
            wanted = picture if mode == "P" and picture.mode in ("P", "L") else picture.convert("L")
            return np.array(wanted, dtype=np.uint8)
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise InputError(f"{path.name} is missing or damaged ({type(error).__name__}).", "Copy it again.") from None
