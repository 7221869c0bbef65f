"""COVID-19 or not from the features of a lesion network: what segmentation learned, lent to classification.

Half a thousand pictures are few for a network of its own. A trained lesion network's encoder is kept as it is; its
features, pooled over the picture, go into a logistic regression whose strength is chosen by cross-validation by group.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from ChestCTLib.errors import InputError
from ChestCTLib.io.slices import SliceCase, read_slice_set
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, raise_if_cancelled
from LesionSegLib.networks.multi_decoder import MultiDecoderNet
from LesionSegLib.preprocessing import picture_to_hu, prepare_slices

BORDERS = (0.0, 0.09)  # shares cut off each side: whole picture, and about the lungs, which fill most pictures
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1)  # inverse of the penalty; features outnumber pictures
FOLDS = 5
UPPER_QUANTILES = (0.9, 0.98)  # of the lesion probability over the picture
LESION = 0.5  # probability
SMALLEST_WEIGHT = 1e-3  # keeps the mean over lesions finite where there are none


@dataclass(frozen=True)
class EncoderClassifierScores:
    """What was chosen, and how good it is.

    Attributes:
        strength: Of :data:`STRENGTHS`.
        folds_auc: AUC over the training and validation pictures, each held out with its group once.
        test_auc: AUC on the test pictures; None when they were left alone.
        test_accuracy: At probability 0.5; likewise.
    """

    strength: float
    folds_auc: float
    test_auc: float | None
    test_accuracy: float | None


@dataclass(frozen=True)
class _Rows:
    features: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int64]
    groups: list[str]


def train_encoder_classifier(
    folder: Path,
    network: MultiDecoderNet,
    score_test: bool = True,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> tuple[Pipeline, EncoderClassifierScores]:
    """Choose the penalty by cross-validation by group on the training and validation pictures, then fit on them.

    Args:
        folder: ``covid_ct`` or a set of its layout.
        network: A lesion network that has not seen the set.
        score_test: Whether to score the test pictures.
        progress: Told the share of the pictures read.
        cancelled: Asked before each picture.

    Raises:
        InputError: The set has no classes, or too few groups.
    """
    cases = read_slice_set(folder)
    learning = [case for case in cases if case.split != "test" and case.covid is not None]
    if len({case.covid for case in learning}) < 2 or len({case.name for case in learning}) < FOLDS:
        raise InputError(f"{folder.name} has too few groups or a single class.", "Give covid_ct.")
    rows = _rows(network, learning, progress, cancelled)
    aucs = {
        strength: _auc(
            rows.classes,
            cross_val_predict(
                _classifier(strength),
                rows.features,
                rows.classes,
                groups=rows.groups,
                cv=GroupKFold(FOLDS),
                method="decision_function",
            ),
        )
        for strength in STRENGTHS
    }
    strength = max(aucs, key=lambda one: aucs[one])
    model = _classifier(strength).fit(rows.features, rows.classes)
    test = [case for case in cases if case.split == "test" and case.covid is not None] if score_test else []
    if not test:
        return model, EncoderClassifierScores(strength, aucs[strength], None, None)
    held_out = _rows(network, test, progress, cancelled)
    found = model.predict_proba(held_out.features)[:, 1]
    accuracy = float(((found >= 0.5) == (held_out.classes == 1)).mean())
    return model, EncoderClassifierScores(strength, aucs[strength], _auc(held_out.classes, found), accuracy)


def picture_features(network: MultiDecoderNet, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Pooled encoder features of one picture in each framing, mean of the picture and its mirror image.

    Args:
        network: In evaluation mode, on the CPU.
        picture: ``[y, x]``, an axial slice.

    Returns:
        One row: for each framing and level below the first mean, maximum and spread of each channel; the deepest
        level's mean over lesions; and the lesion probability's mean, share above 0.5, maximum and upper quantiles.
    """
    return np.concatenate([_framed_features(network, _without_border(picture, border)) for border in BORDERS])


def _rows(network: MultiDecoderNet, cases: list[SliceCase], progress: Progress, cancelled: CancelCheck) -> _Rows:
    features, classes, groups = [], [], []
    for done, case in enumerate(cases):
        progress(done / len(cases), f"group {done + 1} of {len(cases)}")
        for image in case.slices:
            raise_if_cancelled(cancelled)
            features.append(picture_features(network, image.grey()))
            classes.append(int(bool(case.covid)))
            groups.append(case.name)
    return _Rows(np.stack(features), np.array(classes), groups)


def _framed_features(network: MultiDecoderNet, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    prepared = prepare_slices(picture_to_hu(picture[None]), None)[0][0]
    stack = torch.from_numpy(np.stack([prepared] * 3 + [np.ones_like(prepared)]))[None]
    with torch.inference_mode():
        levels = network.encoder(torch.cat([stack, stack.flip(-1)]))
        lesion = torch.sigmoid(network.decode(levels, "lesion"))
        pooled = [
            value
            for level in levels[1:]
            for value in (level.mean(dim=(2, 3)), level.amax(dim=(2, 3)), level.std(dim=(2, 3)))
        ]
        deepest = levels[-1]
        weight = functional.interpolate(lesion, deepest.shape[2:], mode="area")
        pooled.append((deepest * weight).sum(dim=(2, 3)) / (weight.sum(dim=(2, 3)) + SMALLEST_WEIGHT))
        flat = lesion.flatten(1)
        whole = [flat.mean(1), (flat > LESION).float().mean(1), flat.amax(1)]
        pooled.append(torch.stack([*whole, *[flat.quantile(share, dim=1) for share in UPPER_QUANTILES]], dim=1))
    return torch.cat(pooled, dim=1).mean(0).double().numpy()


def _without_border(picture: npt.NDArray[np.uint8], share: float) -> npt.NDArray[np.uint8]:
    rows, columns = (int(share * size) for size in picture.shape)
    return picture[rows : picture.shape[0] - rows, columns : picture.shape[1] - columns]


def _classifier(strength: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=3000, class_weight="balanced"))


def _auc(classes: npt.NDArray[np.int64], found: npt.NDArray[np.float64]) -> float:
    return float(roc_auc_score(classes, found))
