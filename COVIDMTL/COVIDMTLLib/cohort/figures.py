"""Figs. 5, 6 and 8 of the COVID-MTL paper from the released cohort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.stats import zscore

from ChestCTLib.errors import InputError
from COVIDMTLLib.cohort.published import BOX_PLOT_FEATURES, CASE_STUDY, published_table5
from COVIDMTLLib.cohort.reproduction import Cell, Reproduction
from COVIDMTLLib.cohort.table import Cohort
from COVIDMTLLib.tasks import TASKS

GROUP_COLORS = ("#4c78a8", "#f2a541", "#c8483c")  # from healthy to ill; blue, amber and red also differ in lightness
SEX_COLORS = {"Male": "#555555", "Female": "#d9d9d9"}
HEAT_MAP_LIMIT = 2.5  # z-scores beyond are drawn in the end colours, else a few outliers would pale all others


def fig5(cohort: Cohort) -> Reproduction:
    """Fig. 5: box plots of ten features, scaled to [0, 1], by ct, nat and severity; the rows hold the quartiles."""
    scaled = _scaled(cohort.features[list(BOX_PLOT_FEATURES)])
    everyone = np.arange(len(cohort.labels))
    figure = Figure(figsize=(14, 11), layout="constrained")
    rows: list[tuple[Cell, ...]] = []
    for axes, task in zip(figure.subplots(len(TASKS), 1), TASKS, strict=True):
        groups = cohort.task(task.name, everyone)
        width = 0.8 / task.n_classes
        handles = []
        for k, name in enumerate(task.classes):
            values = scaled[groups == k]
            positions = np.arange(len(BOX_PLOT_FEATURES)) + (k - (task.n_classes - 1) / 2) * width
            color = GROUP_COLORS[k if task.n_classes == 3 else 2 * k]
            axes.boxplot(
                values.to_numpy(), positions=positions, widths=width * 0.85, patch_artist=True,
                boxprops={"facecolor": color, "linewidth": 0.8}, medianprops={"color": "black"},
                flierprops={"markersize": 1.5, "markeredgecolor": color},
            )  # fmt: skip
            handles.append(Patch(color=color, label=f"{name} ({len(values)})"))
            for feature in BOX_PLOT_FEATURES:
                quartiles = np.quantile(values[feature], [0.25, 0.5, 0.75])
                rows.append((feature, task.name, name, len(values), *quartiles.tolist()))
        axes.set_xticks(range(len(BOX_PLOT_FEATURES)), [name.replace("_", "\n") for name in BOX_PLOT_FEATURES])
        axes.set_ylabel("Scaled value")
        axes.set_title(task.title, loc="left")
        axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    columns = ("feature", "task", "group", "patients", "lower_quartile", "median", "upper_quartile")
    notes = ("Each feature is scaled to [0, 1] over the cohort; boxes are quartiles, whiskers 1.5 times their range.",)
    return Reproduction("fig5", "Fig. 5: features by group", columns, tuple(rows), notes, {"fig5": figure})


def fig6(cohort: Cohort, folder: Path) -> Reproduction:
    """Fig. 6: heat map of the 24 features, z-scored and clustered by Pearson distance, with bars for the patients.

    Args:
        cohort: The cohort.
        folder: Where the published Table 5 lies, which names the features.
    """
    import seaborn as sns

    names = [str(name) for name in published_table5(folder).index]
    normalised = pd.DataFrame(
        zscore(cohort.features[names].to_numpy(dtype=np.float64), axis=0), cohort.features.index, names
    )
    grid = sns.clustermap(
        normalised.T, metric="correlation", method="average", cmap="RdBu_r", vmin=-HEAT_MAP_LIMIT, vmax=HEAT_MAP_LIMIT,
        col_colors=_bars(cohort), xticklabels=False, yticklabels=True, figsize=(16, 10), dendrogram_ratio=(0.08, 0.12),
        cbar_pos=(0.015, 0.86, 0.012, 0.11), rasterized=True,
    )  # fmt: skip
    grid.ax_heatmap.set_xlabel(f"{len(normalised)} patients")
    grid.ax_cbar.set_title("z-score", fontsize=8)
    grid.figure.legend(handles=_bar_legend(), loc="upper right", ncol=3, frameon=False, fontsize=8)
    order = grid.dendrogram_row.reordered_ind
    rows = tuple((position, names[index]) for position, index in enumerate(order))
    notes = ("Features z-scored over the cohort; distance 1 - Pearson correlation, average linkage.",)
    return Reproduction(
        "fig6", "Fig. 6: clustered features", ("position", "feature"), rows, notes, {"fig6": grid.figure}
    )


def fig8(cohort: Cohort, patients: tuple[int, int] = CASE_STUDY) -> Reproduction:
    """Fig. 8: ten features of an infected and a normal case side by side.

    Args:
        cohort: The cohort.
        patients: The two patient numbers, infected first.

    Raises:
        InputError: A patient is not in the cohort.
    """
    unknown = [patient for patient in patients if patient not in cohort.features.index]
    if unknown:
        raise InputError(f"The cohort has no patient {unknown[0]}.", "Choose two numbers of its pid column.")
    features = list(BOX_PLOT_FEATURES)
    scaled = _scaled(cohort.features[features]).loc[list(patients)]
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    positions = np.arange(len(features))
    rows: list[tuple[Cell, ...]] = []
    for offset, (patient, color) in enumerate(zip(patients, (GROUP_COLORS[2], GROUP_COLORS[0]), strict=True)):
        state = "positive" if cohort.labels.loc[patient, "ct"] == 1 else "negative"
        values = scaled.loc[patient].to_numpy(dtype=np.float64)
        label = f"patient {patient}, {state} against radiology"
        axes.barh(positions + (offset - 0.5) * 0.4, values, height=0.38, color=color, label=label)
        rows += [
            (patient, state, feature, float(cohort.features.loc[patient, feature]), float(value))
            for feature, value in zip(features, values, strict=True)
        ]
    axes.set_yticks(positions, features)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("Scaled to [0, 1] over the cohort")
    figure.legend(loc="outside upper center", ncol=2, frameon=False)
    columns = ("pid", "ct", "feature", "value", "scaled")
    notes = ("Scaled over the cohort; the paper divides by the larger of the two, which hides the cohort's range.",)
    return Reproduction("fig8", "Fig. 8: two patients", columns, tuple(rows), notes, {"fig8": figure})


def _scaled(table: pd.DataFrame) -> pd.DataFrame:
    low, high = table.min(), table.max()
    return (table - low) / (high - low)


def _bars(cohort: Cohort) -> pd.DataFrame:
    labels = cohort.labels
    ages = labels["age"].to_numpy(dtype=np.float64)
    grey = 1.0 - (ages - ages.min()) / (ages.max() - ages.min())
    binary = {0: GROUP_COLORS[0], 1: GROUP_COLORS[2]}
    return pd.DataFrame(
        {
            "NAT": labels["nat"].map(binary),
            "CT": labels["ct"].map(binary),
            "Severity": labels["severity"].map(dict(enumerate(GROUP_COLORS))),
            "Age": _greys(grey),
            "Sex": labels["sex"].map(SEX_COLORS),
        },
        index=labels.index,
    )


def _greys(share: npt.NDArray[np.float64]) -> list[str]:
    return [to_hex((value, value, value)) for value in share]


def _bar_legend() -> list[Patch]:
    severity = TASKS[2].classes
    return [
        Patch(color=GROUP_COLORS[0], label=f"negative / {severity[0]}"),
        Patch(color=GROUP_COLORS[1], label=severity[1]),
        Patch(color=GROUP_COLORS[2], label=f"positive / {severity[2]}"),
        Patch(color=SEX_COLORS["Male"], label="male; old age dark"),
        Patch(color=SEX_COLORS["Female"], label="female; young age light"),
    ]
