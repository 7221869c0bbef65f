"""Draw the icons of the extension and its modules, and the thumbnails of the sample phantoms.

Run in the repository: ``python tools/draw_icons.py``. The PNG files are committed: the extension index asks for them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ChestCTLib.labels import CONSOLIDATION, GROUND_GLASS, LEFT_LUNG, RIGHT_LUNG
from ChestCTLib.phantom import Diagnosis, PhantomSettings, make_phantom

REPOSITORY = Path(__file__).resolve().parents[1]
SIDE = 128  # pixels, as Slicer's extension index wants
OVERSAMPLING = 4  # drawn larger and shrunk: smooth edges
THUMBNAIL_SIDE = 128
WINDOW_HU = (-1350, 150)  # the lung window
BACKGROUND = (24, 34, 46)
OUTLINE = (255, 255, 255)


def _rgb(color: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * part) for part in color)
    return red, green, blue


def _scaled(points: list[tuple[float, float]], mirror: bool) -> list[tuple[float, float]]:
    size = SIDE * OVERSAMPLING
    return [((1 - x if mirror else x) * size, y * size) for x, y in points]


LUNG = [(0.46, 0.30), (0.40, 0.20), (0.30, 0.17), (0.20, 0.26), (0.12, 0.45), (0.09, 0.66), (0.12, 0.82), (0.22, 0.85)]
LUNG += [(0.34, 0.78), (0.44, 0.76), (0.46, 0.60), (0.42, 0.46)]


def draw_lungs(lesions: bool, outline: bool) -> Image.Image:
    """Two lungs with a trachea; with lesions, or with the outline that refinement finds."""
    size = SIDE * OVERSAMPLING
    image = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, size - 1, size - 1), radius=size // 6, fill=BACKGROUND)
    for mirror, label in ((False, RIGHT_LUNG), (True, LEFT_LUNG)):
        draw.polygon(_scaled(LUNG, mirror), fill=_rgb(label.color))
        if outline:
            points = _scaled(LUNG, mirror)
            draw.line([*points, points[0], points[1]], fill=OUTLINE, width=size // 40, joint="curve")
    draw.line([(size * 0.5, size * 0.06), (size * 0.5, size * 0.34)], fill=(190, 225, 245), width=size // 14)
    if lesions:
        for x, y, radius, label in (
            (0.20, 0.66, 0.10, GROUND_GLASS),
            (0.76, 0.60, 0.12, GROUND_GLASS),
            (0.80, 0.70, 0.06, CONSOLIDATION),
            (0.17, 0.72, 0.04, CONSOLIDATION),
        ):
            box = [part * size for part in (x - radius, y - radius, x + radius, y + radius)]
            draw.ellipse(box, fill=_rgb(label.color))
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def draw_thumbnail(diagnosis: Diagnosis) -> Image.Image:
    """The phantom's axial slice with most lesion, in the lung window."""
    phantom = make_phantom(PhantomSettings(diagnosis=diagnosis))
    areas = np.count_nonzero(phantom.lesions, axis=(1, 2))
    low, high = WINDOW_HU
    grey = np.clip((phantom.volume.hu[int(np.argmax(areas))] - low) / (high - low), 0, 1)
    image = Image.fromarray((255 * grey).astype(np.uint8)).convert("RGB")
    return image.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)


def main() -> None:
    """Write all pictures."""
    draw_lungs(lesions=True, outline=False).save(REPOSITORY / "Resources" / "Icons" / "COVIDMTL.png")
    draw_lungs(lesions=False, outline=True).save(REPOSITORY / "LungRefine" / "Resources" / "Icons" / "LungRefine.png")
    draw_lungs(lesions=True, outline=True).save(REPOSITORY / "LesionSeg" / "Resources" / "Icons" / "LesionSeg.png")
    for diagnosis in ("covid", "cap"):
        name = f"LungRefine-{diagnosis}-phantom.png"
        draw_thumbnail(diagnosis).save(REPOSITORY / "LungRefine" / "Resources" / "Icons" / name)


if __name__ == "__main__":
    main()
