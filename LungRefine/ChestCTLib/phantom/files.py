"""Write a phantom as files: the scan, its masks and its truth as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from ChestCTLib.io.atomic import atomic_folder
from ChestCTLib.io.images import write_image
from ChestCTLib.io.labels import write_labels
from ChestCTLib.labels import GROUND_GLASS, LEFT_LUNG, LESION_LABELS, LUNG_LABELS, RIGHT_LUNG
from ChestCTLib.phantom.settings import Phantom

SCAN_FILE, LUNGS_FILE, LESIONS_FILE, TRUTH_FILE = "ct.nii.gz", "lungs.nii.gz", "lesions.nii.gz", "truth.json"


def phantom_truth(phantom: Phantom) -> dict[str, Any]:
    """The known answers of a phantom.

    Returns:
        Settings, lung and lesion volumes (mL), lesion/lung volume ratio (%; None without lungs) and, for every lesion,
        its volume, HU and centre in LPS (mm).
    """
    ml = phantom.volume.voxel_ml
    lung_ml = {label.name: float((phantom.lungs == label.value).sum() * ml) for label in (RIGHT_LUNG, LEFT_LUNG)}
    lesion_ml = {label.name: float((phantom.lesions == label.value).sum() * ml) for label in LESION_LABELS}
    lung_total, lesion_total = sum(lung_ml.values()), sum(lesion_ml.values())
    return {
        "diagnosis": phantom.diagnosis,
        "settings": asdict(phantom.settings),
        "shape": list(phantom.volume.shape),
        "spacing_mm": list(phantom.volume.spacing_mm),
        "lung_ml": {**lung_ml, "total": lung_total},
        "lesion_ml": {**lesion_ml, "total": lesion_total},
        "lesion_volume_ratio_percent": 100.0 * lesion_total / lung_total if lung_total else None,
        "lesion_count": int(phantom.lesion_ids.max()),
        "lesions": [_lesion_truth(phantom, number) for number in range(1, int(phantom.lesion_ids.max()) + 1)],
    }


def _lesion_truth(phantom: Phantom, number: int) -> dict[str, Any]:
    box = ndimage.find_objects(phantom.lesion_ids)[number - 1]
    mask = phantom.lesion_ids[box] == number
    centre = [float(part.start + at) for part, at in zip(box, ndimage.center_of_mass(mask), strict=True)]
    lps = phantom.volume.ijk_to_lps @ np.array([*centre[::-1], 1.0])
    return {
        "number": number,
        "volume_ml": float(mask.sum() * phantom.volume.voxel_ml),
        "ground_glass_share": float((phantom.lesions[box][mask] == GROUND_GLASS.value).mean()),
        "mean_hu": float(phantom.volume.hu[box][mask].mean()),
        "centre_lps_mm": [float(value) for value in lps[:3]],
    }


def write_phantom(phantom: Phantom, folder: str | Path) -> dict[str, Any]:
    """Write ``ct.nii.gz``, ``lungs.nii.gz``, ``lesions.nii.gz`` and ``truth.json``, all or none.

    Args:
        phantom: What to write.
        folder: Where; made where it does not exist.

    Returns:
        The truth that was written.

    Raises:
        OutputError: The folder cannot be written.
    """
    truth = phantom_truth(phantom)
    with atomic_folder(folder) as unfinished:
        write_image(phantom.volume.hu, phantom.volume, unfinished / SCAN_FILE)
        write_labels(phantom.lungs, phantom.volume, unfinished / LUNGS_FILE, LUNG_LABELS)
        write_labels(phantom.lesions, phantom.volume, unfinished / LESIONS_FILE, LESION_LABELS)
        (unfinished / TRUTH_FILE).write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    return truth
