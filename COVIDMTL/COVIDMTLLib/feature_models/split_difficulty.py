"""How easy is the published split? The same random forest on many other 70 / 30 splits of the same patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from COVIDMTLLib.cohort.table import PUBLISHED_SEED, Cohort, published_split
from COVIDMTLLib.feature_models.forests import ForestSettings, forest_probabilities
from COVIDMTLLib.statistics.scores import auc
from COVIDMTLLib.tasks import TASKS

OTHER_SEEDS = tuple(range(100, 130))  # 30 other draws of the split; none is the published one
SPREAD_TREES = 150  # the area of a forest has settled by then to about 0.003


@dataclass(frozen=True)
class SplitDifficulty:
    """Areas of a random forest over splits.

    Attributes:
        published: On the published split, by task.
        others: On each other split, by task.
    """

    published: dict[str, float]
    others: dict[str, tuple[float, ...]]

    def percentile(self, task: str) -> float:
        """Share of the other splits that the published one is easier than, %."""
        return 100.0 * float(np.mean(np.array(self.others[task]) < self.published[task]))

    def spread(self, task: str) -> tuple[float, float, float]:
        """5th percentile, median and 95th percentile of the other splits' areas."""
        low, middle, high = np.quantile(self.others[task], [0.05, 0.5, 0.95])
        return float(low), float(middle), float(high)


def split_difficulty(
    cohort: Cohort,
    seeds: Sequence[int] = OTHER_SEEDS,
    trees: int = SPREAD_TREES,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> SplitDifficulty:
    """Train and test the paper's random forest, with fewer trees, on the published split and on others.

    Raises:
        CancelledError: The user cancelled.
    """
    nat = cohort.labels["nat"].to_numpy(dtype=np.int64)
    areas: dict[str, list[float]] = {task.name: [] for task in TASKS}
    for number, seed in enumerate((PUBLISHED_SEED, *seeds)):
        train, test = published_split(nat, seed)
        for task in TASKS:
            raise_if_cancelled(cancelled)
            found = forest_probabilities(
                cohort.values(train), cohort.task(task.name, train), cohort.values(test), ForestSettings(trees=trees)
            )
            areas[task.name].append(auc(cohort.task(task.name, test), found))
        progress((number + 1) / (len(seeds) + 1), f"Split {number + 1} of {len(seeds) + 1}")
    return SplitDifficulty(
        {name: values[0] for name, values in areas.items()}, {name: tuple(values[1:]) for name, values in areas.items()}
    )


def split_figure(found: SplitDifficulty) -> Figure:
    """Where the published split lies among the others."""
    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    axes = figure.subplots()
    for row, task in enumerate(TASKS):
        others = found.others[task.name]
        jitter = np.random.default_rng(0).uniform(-0.15, 0.15, len(others))
        axes.scatter(others, row + jitter, color="#4c78a8", alpha=0.6, s=18, label="other splits" if row == 0 else None)
        axes.scatter(
            [found.published[task.name]], [row], color="#c8483c", marker="D", s=60,
            label="published split" if row == 0 else None,
        )  # fmt: skip
    axes.set_yticks(range(len(TASKS)), [task.name for task in TASKS])
    axes.set_xlabel(
        f"AUC of a random forest on 399 test patients ({len(next(iter(found.others.values())))} other seeds)"
    )
    axes.invert_yaxis()
    axes.legend(frameon=False)
    return figure
