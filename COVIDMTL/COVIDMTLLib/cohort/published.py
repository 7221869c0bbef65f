"""Figures of the COVID-MTL paper (Bao et al., Pattern Recognition 124, 2022) that ours are put beside."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ChestCTLib.errors import InputError
from COVIDMTLLib.statistics.scores import Scores

FOREST_SCORES: dict[tuple[str, str], Scores] = {
    ("RF", "ct"): Scores(0.861, 0.865, 0.862, 0.8647, 0.913),
    ("RF", "nat"): Scores(0.739, 0.739, 0.739, 0.7393, 0.819),
    ("RF", "severity"): Scores(0.628, 0.639, 0.624, 0.6391, 0.791),
    ("LGBM", "ct"): Scores(0.862, 0.865, 0.863, 0.8647, 0.921),
    ("LGBM", "nat"): Scores(0.761, 0.762, 0.761, 0.7619, 0.803),
    ("LGBM", "severity"): Scores(0.630, 0.647, 0.632, 0.6466, 0.784),
}
"""Tables 3 and 4, models on the features."""

MULTITASK_SCORES: dict[str, Scores] = {
    "ct": Scores(0.847, 0.852, 0.844, 0.8521, 0.886),
    "nat": Scores(0.746, 0.747, 0.744, 0.7469, 0.802),
    "severity": Scores(0.518, 0.602, 0.552, 0.6015, 0.741),
}
"""Table 8, the multitask network on features alone."""

VOLUME_AUC = {"ct": 0.939, "nat": 0.846, "severity": 0.800}
"""Tables 3 and 4, COVID-MTL with the CT volume: what features alone would have to reach."""

BOX_PLOT_FEATURES = (
    "Maximum", "LLL_glcm_Imc1", "LHH_glcm_ClusterShade", "HLH_glcm_ClusterShade", "GrayLevelVariance",
    "LLL_glcm_Imc2", "HLL_glcm_DifferenceVariance", "Imc2", "LLL_glcm_Correlation", "Imc1",
)  # fmt: skip
"""The ten features of Figs. 5 and 8."""

CASE_STUDY = (17, 567)
"""Patient numbers of Fig. 8: an infected and a normal case."""

TABLE5_FILE = "table5_published.csv"


def published_table5(folder: str | Path) -> pd.DataFrame:
    """Table 5 as printed: one row a feature, columns ``<task>_stat``, ``<task>_df2``, ``<task>_p``; all text.

    Raises:
        InputError: The file is not beside the cohort.
    """
    path = Path(folder) / TABLE5_FILE
    if not path.is_file():
        raise InputError(f"{TABLE5_FILE} is not beside the cohort.", "Give the folder that holds it.")
    return pd.read_csv(path, index_col="feature", dtype=str)
