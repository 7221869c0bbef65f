"""One entry to lesion segmentation, whatever the method: lesions inside given lungs, on the scan's own grid."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ChestCTLib.device import choose_device
from ChestCTLib.errors import InputError, ModelError
from ChestCTLib.grid import canonical
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part, raise_if_cancelled
from ChestCTLib.volume import CTVolume
from LesionSegLib.hu_bands import CONSOLIDATION, GROUND_GLASS, segment_hu_bands, solid_part
from LesionSegLib.settings import HU_BANDS, SHIPPED_NETWORK, LesionSettings


@dataclass(frozen=True)
class LesionResult:
    """Lesions of one scan.

    Attributes:
        lesions: ``uint8`` ``[z, y, x]`` on the scan's grid: 0 none, 1 ground glass, 2 consolidation
            (:data:`ChestCTLib.labels.LESION_LABELS`).
        method: What made them: ``hu-bands`` or a network's id; the fallback where weights are missing.
        model_card_id: Id of the network's model card, None for HU bands.
        warnings: What the reader of the result must know.
    """

    lesions: npt.NDArray[np.uint8]
    method: str
    model_card_id: str | None = None
    warnings: tuple[str, ...] = field(default=())


def segment_lesions(
    volume: CTVolume,
    lungs: npt.NDArray[np.uint8],
    settings: LesionSettings | None = None,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> LesionResult:
    """Segment ground glass and consolidation inside given lungs.

    The scan is turned to canonical axes first and the result is turned back, so its orientation does not matter.

    Args:
        volume: The scan, any orientation.
        lungs: ``uint8`` on the scan's grid: 1 right, 2 left; a hand-corrected mask is as good as a computed one.
        settings: Method, device and limits; the defaults when None.
        progress: Told the share done.
        cancelled: Asked between the steps.

    Returns:
        Lesions on the scan's own grid; none where the lungs are empty, with a warning that says so.

    Raises:
        InputError: The lungs are on another grid.
        ModelError: The method is neither HU bands nor an installed network. Only the default network falls back to HU
            bands, with a warning, where its weights are missing.
        CancelledError: The user cancelled.
    """
    settings = settings or LesionSettings()
    if lungs.shape != volume.shape:
        raise InputError(
            f"The lung mask is {lungs.shape}, the scan {volume.shape} voxels.", "Use the scan's own lungs."
        )
    if not lungs.any():
        warning = "The lung mask is empty, so no lesions were looked for."
        return LesionResult(np.zeros(volume.shape, np.uint8), settings.method, None, (warning,))
    view = canonical(volume)
    hu, inside, spacing = view.volume.hu, view.apply(lungs), view.volume.spacing_mm
    warnings: tuple[str, ...] = ()
    if settings.method != HU_BANDS:
        try:
            found = _by_network(hu, inside, spacing, settings, progress, cancelled)
            return LesionResult(view.restore(found), settings.method, settings.method)
        except ModelError as error:
            if settings.method != SHIPPED_NETWORK:  # asked for by name: no other method in its place
                raise
            warnings = (f"{error} HU bands were used instead.",)
    found = segment_hu_bands(hu, inside, spacing, settings.hu_bands, progress, cancelled)
    return LesionResult(view.restore(found), HU_BANDS, None, warnings)


def _by_network(
    hu: npt.NDArray[np.int16],
    lungs: npt.NDArray[np.uint8],
    spacing_mm: tuple[float, float, float],
    settings: LesionSettings,
    progress: Progress,
    cancelled: CancelCheck,
) -> npt.NDArray[np.uint8]:
    """Lesions by a slice-wise network; ground glass and consolidation parted by HU, which every volume has."""
    from LesionSegLib.inference import consistent_mask, lesion_probability
    from LesionSegLib.weights_files import load_multi_decoder

    network, _ = load_multi_decoder(settings.method)
    device = choose_device(settings.device)
    own = part(progress, 0.0, 0.9)
    probability = lesion_probability(
        network, "lesion", hu, lungs, spacing_mm, settings.inference, device, own, cancelled
    )
    progress(0.9, "making lesions consistent along z")
    mask = consistent_mask(probability, hu, lungs, spacing_mm, settings.inference)
    raise_if_cancelled(cancelled)
    solid = solid_part(hu, mask, spacing_mm, settings.hu_bands)
    progress(1.0, "lesions by network")
    return np.where(solid, CONSOLIDATION, mask.astype(np.uint8) * GROUND_GLASS).astype(np.uint8)
