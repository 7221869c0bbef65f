"""Histogram-of-oriented-gradients features of the slice with most lung, the paper's weaker alternative (Table 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.feature import hog
from skimage.transform import resize
from sklearn.decomposition import PCA

from ChestCTLib.errors import InputError
from ChestCTLib.volume import CTVolume
from COVIDMTLLib.radiomics.definition import FEATURE_NAMES
from COVIDMTLLib.radiomics.lung_image import lung_image

ORIENTATIONS = 32  # bins, paper's Table 9
CELL = (16, 16)  # pixels
BLOCK = (1, 1)  # cells; each is normalised for itself
SLICE_SHAPE = (320, 400)  # pixels of 1 mm: one size for all patients, so that all have as many features
REDUCED_TO = len(FEATURE_NAMES)  # "the same size as radiomic features for a fair comparison", Table 9


def hog_features(volume: CTVolume, lungs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """HOG of the axial slice with the largest lung area.

    Args:
        volume: The scan.
        lungs: Mask ``[z, y, x]`` on its grid; everything above 0 is lung.

    Returns:
        Float64 ``[16000]``: 20 x 25 cells of 32 orientations over the slice, at 1 mm, lungs centred, zero outside.

    Raises:
        InputError: The mask does not fit the scan or is too small.
    """
    image = lung_image(volume, lungs)
    chosen = image[int(np.argmax(np.count_nonzero(image, axis=(1, 2))))].astype(np.float64)
    return np.asarray(
        hog(
            _framed(chosen / max(float(chosen.max()), 1.0)),
            orientations=ORIENTATIONS,
            pixels_per_cell=CELL,
            cells_per_block=BLOCK,
            block_norm="L1",
            transform_sqrt=True,
        ),
        dtype=np.float64,
    )


def _framed(slice_: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The slice in the middle of a frame of fixed size; lungs larger than the frame are shrunk to fit."""
    factor = max(1.0, *(side / frame for side, frame in zip(slice_.shape, SLICE_SHAPE, strict=True)))
    if factor > 1.0:
        slice_ = resize(slice_, [int(side / factor) for side in slice_.shape], anti_aliasing=True)
    frame = np.zeros(SLICE_SHAPE)
    top, left = ((whole - side) // 2 for whole, side in zip(SLICE_SHAPE, slice_.shape, strict=True))
    frame[top : top + slice_.shape[0], left : left + slice_.shape[1]] = slice_
    return frame


@dataclass(frozen=True)
class HogReduction:
    """Principal components of HOG features, learned from training rows only.

    Attributes:
        mean: ``[features]``, taken off first.
        components: ``[reduced, features]``.
    """

    mean: npt.NDArray[np.float64]
    components: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, training: npt.NDArray[np.float64], reduced_to: int = REDUCED_TO) -> HogReduction:
        """Learn from training rows ``[patients, features]``; no more components than patients.

        Raises:
            InputError: There are fewer than two training rows.
        """
        if len(training) < 2:
            raise InputError(f"{len(training)} training rows cannot be reduced.", "Give at least two.")
        model = PCA(min(reduced_to, *training.shape), random_state=0).fit(training)
        return cls(model.mean_, model.components_)

    def transform(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Reduced features ``[patients, reduced]``."""
        return (features - self.mean) @ self.components.T
