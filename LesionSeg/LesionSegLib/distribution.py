"""Where the lesions lie, in the words a report begins with: side, height, and how near to the lungs' surface."""

from __future__ import annotations

from LesionSegLib.measures.result import LesionMeasures

ONE_SIDED_PERCENT = 90.0  # of the lesion volume: the other lung's share is then not worth "both lungs"
PREVAILING_PERCENT = 50.0  # of the lesion volume in one third of the lungs' height: that third is named
THIRDS = ("upper", "middle", "lower")


def distribution_words(found: LesionMeasures) -> str | None:
    """Say where the lesions lie.

    Args:
        found: Their measures.

    Returns:
        Such as "both lungs (right 53 %), lower zones (61 %)"; None without lesions. Shares are of the lesion volume.
    """
    whole = found.right.lesion_ml + found.left.lesion_ml
    if not whole:
        return None
    right = 100.0 * found.right.lesion_ml / whole
    if max(right, 100.0 - right) < ONE_SIDED_PERCENT:
        side = f"both lungs (right {right:.0f} %)"
    else:
        side = f"{'right' if right > 50.0 else 'left'} lung ({max(right, 100.0 - right):.0f} %)"
    by_third = {
        third: 100.0 * sum(zone.lesion_ml for zone in found.zones if zone.key.endswith(third)) / whole
        for third in THIRDS
    }
    most = max(by_third, key=lambda third: by_third[third])
    if by_third[most] < PREVAILING_PERCENT:
        return f"{side}, no third prevails ({', '.join(f'{name} {share:.0f} %' for name, share in by_third.items())})"
    return f"{side}, mainly {most} zones ({by_third[most]:.0f} %)"
