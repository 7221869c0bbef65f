"""The run manifest: what a number depends on (versions, settings, seed, device, input, models)."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import sys
from datetime import datetime, timezone
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ChestCTLib.models import ModelCard
from ChestCTLib.volume import CTVolume

DISTRIBUTION = "slicer-covid-mtl"
RECORDED_LIBRARIES = (
    "numpy", "scipy", "scikit-image", "SimpleITK", "pydicom",
    "torch", "monai", "pyradiomics", "scikit-learn", "lightgbm",
)  # fmt: skip


def volume_sha256(volume: CTVolume) -> str:
    """SHA-256 over voxels and geometry: the same scan gives the same hash, whatever file it came from.

    No part of the file's name or header enters, so the hash names no patient.
    """
    digest = hashlib.sha256(np.ascontiguousarray(volume.hu).tobytes())
    digest.update(np.round(volume.ijk_to_lps, 4).tobytes())
    return digest.hexdigest()


def library_versions() -> dict[str, str | None]:
    """Versions of the libraries that numbers depend on; None where one is not installed."""
    return {name: _version(name) for name in (DISTRIBUTION, *RECORDED_LIBRARIES)}


def make_manifest(
    volume: CTVolume,
    settings: Any,
    device: str,
    seed: int,
    models: tuple[ModelCard, ...] = (),
    seconds: dict[str, float] | None = None,
) -> dict[str, Any]:
    """What the run's numbers depend on, as a JSON-able dictionary.

    Args:
        volume: The input.
        settings: A frozen settings dataclass, nested ones included.
        device: What the networks ran on, such as "cpu".
        seed: Seed of every random choice.
        models: Cards of the models used.
        seconds: Wall time of each step, s.
    """
    return {
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "input": {
            "sha256": volume_sha256(volume),
            "shape_zyx": list(volume.shape),
            "spacing_zyx_mm": [round(s, 5) for s in volume.spacing_mm],
            "kernel": volume.acquisition.kernel,
            "slice_thickness_mm": volume.acquisition.slice_thickness_mm,
        },
        "settings": plain(settings),
        "seed": seed,
        "device": device,
        "models": [{"id": m.id, "sha256": m.sha256, "evidence": m.evidence} for m in models],
        "seconds": {name: round(value, 3) for name, value in (seconds or {}).items()},
        "python": sys.version.split()[0],
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": library_versions(),
    }


def plain(value: Any) -> Any:
    """Settings as JSON-able values: dataclasses become dictionaries, enums their names, paths their last part."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Path):
        return value.name  # a whole path may hold a patient's or a user's name
    if isinstance(value, np.generic):
        return value.item()
    return value


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
