"""Classes from a lesion network's features: they tell lesions from none, groups stay whole, the test part is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ChestCTLib.errors import InputError
from LesionSegLib.networks.multi_decoder import MultiDecoderNet, MultiDecoderSettings
from LesionSegLib.training.encoder_classifier import STRENGTHS, picture_features, train_encoder_classifier

NETWORK = MultiDecoderNet(MultiDecoderSettings(widths=(4, 8))).eval()


def covid_ct(root: Path, groups: int) -> Path:
    """Pictures of two slices a group; those with COVID-19 are striped."""
    draw = np.random.default_rng(0)
    (root / "image").mkdir(parents=True)
    rows = ["file,covid,group,split"]
    for group in range(groups):
        for number in range(2):
            picture = draw.integers(60, 90, (64, 80))
            picture[:, 10:30:3] += 120 * (group % 2)
            name = f"{group}-{number}.png"
            Image.fromarray(picture.astype(np.uint8)).save(root / "image" / name)
            rows.append(f"{name},{group % 2},g{group},{'test' if group >= groups - 4 else 'train'}")
    (root / "labels.csv").write_text("\n".join(rows))
    return root


def test_features_tell_the_classes_apart_and_the_test_part_is_scored_only_when_asked(tmp_path: Path) -> None:
    folder = covid_ct(tmp_path, 14)
    model, scores = train_encoder_classifier(folder, NETWORK)
    assert scores.strength in STRENGTHS and scores.folds_auc > 0.9
    assert scores.test_auc is not None and scores.test_auc > 0.9
    assert model.n_features_in_ == len(picture_features(NETWORK, np.zeros((40, 40), np.uint8)))
    assert train_encoder_classifier(folder, NETWORK, score_test=False)[1].test_auc is None


def test_a_mirrored_picture_has_the_same_features() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (48, 64), dtype=np.uint8)
    np.testing.assert_allclose(
        picture_features(NETWORK, picture), picture_features(NETWORK, picture[:, ::-1].copy()), rtol=0.05, atol=0.02
    )


def test_too_few_groups_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="groups"):
        train_encoder_classifier(covid_ct(tmp_path, 6), NETWORK)
