"""Where a new scan's features lie among the cohort's patients, and how far outside the cohort the scan is.

Only quantiles of groups of patients are shipped; no patient's row can be read from them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from COVIDMTLLib.cohort.figures import GROUP_COLORS
from COVIDMTLLib.cohort.published import BOX_PLOT_FEATURES
from COVIDMTLLib.cohort.table import Cohort
from COVIDMTLLib.radiomics.definition import FEATURE_NAMES
from COVIDMTLLib.radiomics.table import FeatureTable
from COVIDMTLLib.tasks import SEVERITY

LEVELS = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)
EVERYONE = "all"
GROUPS = SEVERITY.classes
CONTEXT_FILE = "context_quantiles.json"
DIGITS = 5  # significant digits shipped; features are not known better than that
OUTSIDE_LIMIT_LEVEL = 0.99  # a scan is called outside when it is stranger than this share of the cohort's own patients
OUTSIDE_ADVICE = (
    "Its probabilities should not be relied on, those of the robust model neither: lungs without visible disease from "
    "another hospital were called positive by both."
)
FIGURE_SIZE = (9.0, 5.5)


@dataclass(frozen=True)
class Placed:
    """Where one feature of a scan lies.

    Attributes:
        feature: Its name.
        value: Of the scan; ``None`` where it is undefined.
        percentile: Share of the cohort below it, %, between 1 and 99 (the tails are not shipped); ``None`` likewise.
        by_group: The same among control/suspected, mild/regular and severe/critically ill patients.
        outside: Whether it lies beyond the cohort's 1st or 99th percentile.
    """

    feature: str
    value: float | None
    percentile: float | None
    by_group: dict[str, float | None]
    outside: bool


@dataclass(frozen=True)
class OutsideMeasure:
    """How far outside the cohort a scan lies.

    Attributes:
        share: Share of the features beyond the cohort's 1st to 99th percentile; 0.02 for a typical patient of it.
        limit: Share that 99 % of the cohort's own patients stay below.
        outside: Whether the scan exceeds the limit; then the probabilities should not be relied on.
        text: The same in words for the report.
    """

    share: float
    limit: float
    outside: bool
    text: str


@dataclass(frozen=True)
class CohortContext:
    """Quantiles of the cohort's training patients.

    Attributes:
        quantiles: For "all" and each severity group ``[levels, 375]``.
        patients: Number of patients of each group.
        outside_limit: See :class:`OutsideMeasure`.
    """

    quantiles: dict[str, npt.NDArray[np.float64]]
    patients: dict[str, int]
    outside_limit: float

    @classmethod
    def fit(cls, cohort: Cohort) -> CohortContext:
        """Learn from the training patients."""
        values, groups = cohort.values(cohort.train), cohort.task(SEVERITY.name, cohort.train)
        members = {EVERYONE: np.ones(len(values), dtype=bool)} | {name: groups == k for k, name in enumerate(GROUPS)}
        quantiles = {name: _rounded(np.quantile(values[rows], LEVELS, axis=0)) for name, rows in members.items()}
        shares = _beyond(values, quantiles[EVERYONE]).mean(axis=1)
        limit = float(np.quantile(shares, OUTSIDE_LIMIT_LEVEL))
        return cls(quantiles, {name: int(rows.sum()) for name, rows in members.items()}, round(limit, 4))

    def to_json(self) -> str:
        """As JSON text."""
        values: dict[str, Any] = {
            "levels": LEVELS,
            "features": FEATURE_NAMES,
            "patients": self.patients,
            "outside_limit": self.outside_limit,
            "quantiles": {name: table.tolist() for name, table in self.quantiles.items()},
        }
        return json.dumps(values) + "\n"

    @classmethod
    def from_json(cls, text: str) -> CohortContext:
        """Inverse of :meth:`to_json`."""
        values = json.loads(text)
        return cls(
            {name: np.array(table) for name, table in values["quantiles"].items()},
            values["patients"],
            values["outside_limit"],
        )

    def place(self, features: FeatureTable) -> tuple[Placed, ...]:
        """Where each feature of a scan lies."""
        array = features.as_array()
        beyond = _beyond(array[None, :], self.quantiles[EVERYONE])[0]
        return tuple(
            Placed(
                name,
                features.values[column],
                self._percentile(EVERYONE, column, array[column]),
                {group: self._percentile(group, column, array[column]) for group in GROUPS},
                bool(beyond[column]),
            )
            for column, name in enumerate(FEATURE_NAMES)
        )

    def outside(self, features: FeatureTable) -> OutsideMeasure:
        """How far outside the cohort a scan lies; an undefined feature counts as outside."""
        array = features.as_array()
        share = float(np.mean(_beyond(array[None, :], self.quantiles[EVERYONE])[0] | np.isnan(array)))
        outside = share > self.outside_limit
        where = (
            f"{share:.0%} of the features lie beyond the cohort's 1st to 99th percentile "
            f"({self.outside_limit:.0%} at most for 99 % of its patients)."
        )
        if outside:
            text = f"This scan lies outside the cohort: {where} {OUTSIDE_ADVICE}"
        else:
            text = f"This scan lies within the cohort: {where}"
        return OutsideMeasure(share, self.outside_limit, outside, text)

    def figure(self, features: FeatureTable, names: Sequence[str] = BOX_PLOT_FEATURES) -> Figure:
        """The scan among the three severity groups: boxes are quartiles, whiskers 5th and 95th percentiles.

        Each feature is scaled so that the cohort's 1st to 99th percentile spans the axis from 0 to 1; a diamond marks
        the scan, an arrow at the edge one that lies beyond.
        """
        figure = Figure(figsize=FIGURE_SIZE, layout="constrained")
        axes = figure.subplots()
        values = features.as_dict()
        height = 0.8 / len(GROUPS)
        for row, name in enumerate(names):
            column = FEATURE_NAMES.index(name)
            low, high = self.quantiles[EVERYONE][[0, -1], column]
            width = (high - low) or 1.0
            boxes = [
                {
                    "whislo": (table[1] - low) / width, "q1": (table[3] - low) / width, "med": (table[4] - low) / width,
                    "q3": (table[5] - low) / width, "whishi": (table[7] - low) / width,
                }
                for table in (self.quantiles[group][:, column] for group in GROUPS)
            ]  # fmt: skip
            positions = [row + (k - (len(GROUPS) - 1) / 2) * height for k in range(len(GROUPS))]
            drawn = axes.bxp(
                boxes, positions, widths=height * 0.8, orientation="horizontal", showfliers=False, patch_artist=True,
                medianprops={"color": "black"}, manage_ticks=False,
            )  # fmt: skip
            for box, color in zip(drawn["boxes"], GROUP_COLORS, strict=True):
                box.set_facecolor(color)
            value = values[name]
            if value is not None:
                _mark(axes, (value - low) / width, row)
        for group, color in zip(GROUPS, GROUP_COLORS, strict=True):
            axes.plot([], [], "s", color=color, markersize=9, label=f"{group} ({self.patients[group]} patients)")
        axes.plot([], [], "D", color="black", markersize=7, label="this scan")
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlim(-0.08, 1.08)
        axes.set_xlabel("0 and 1: the cohort's 1st and 99th percentile")
        figure.legend(loc="outside upper center", ncol=4, frameon=False, fontsize=9)
        return figure

    def spread(self, name: str) -> tuple[float, float, tuple[float, ...]]:
        """A feature's 5th and 95th percentile in the cohort, and its median in each severity group."""
        column = FEATURE_NAMES.index(name)
        low, high = (float(self.quantiles[EVERYONE][LEVELS.index(level), column]) for level in (0.05, 0.95))
        return low, high, tuple(float(self.quantiles[g][LEVELS.index(0.50), column]) for g in GROUPS)

    def _percentile(self, group: str, column: int, value: float) -> float | None:
        if np.isnan(value):
            return None
        return 100.0 * float(np.interp(value, self.quantiles[group][:, column], LEVELS))


@lru_cache(maxsize=1)
def shipped_context() -> CohortContext:
    """The context that is shipped, learned from the 930 training patients."""
    return CohortContext.from_json((resources.files(__package__) / CONTEXT_FILE).read_text("utf-8"))


def _mark(axes: Any, position: float, row: int) -> None:
    inside = min(max(position, -0.05), 1.05)
    marker = "D" if inside == position else ("<" if position < 0 else ">")
    axes.plot([inside], [row], marker=marker, color="black", markeredgecolor="white", markersize=9, zorder=5)


def _beyond(values: npt.NDArray[np.float64], quantiles: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which values lie beyond the outermost quantiles; within rounding of them counts as inside."""
    slack = np.abs(quantiles[[0, -1]]) * 10.0 ** (1 - DIGITS)
    return np.asarray((values < quantiles[0] - slack[0]) | (values > quantiles[-1] + slack[1]))


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.vectorize(lambda value: float(f"{value:.{DIGITS}g}"))(values)
