"""The model registry lists cards without torch and refuses what is not the described file."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ChestCTLib import models
from ChestCTLib.errors import ModelError
from ChestCTLib.models import Figure, ModelCard, card_text, file_sha256, find_model, list_models, model_file, read_card

CARD = ModelCard(
    id="toy", title="Toy", task="lesions", file="toy.safetensors", sha256="0" * 64, evidence="synthetic",
    learned_from="phantoms", split="by seed", input_contract="none", licence="Apache-2.0", intended_use="tests",
    limits="all", figures=(Figure("Dice", 0.5, "held-out phantoms", (0.4, 0.6)),), settings={"width": 8},
)  # fmt: skip


def test_a_card_survives_the_way_through_json() -> None:
    assert read_card(card_text(CARD)) == CARD


@pytest.mark.parametrize("change", [{"evidence": "hearsay"}, {"file": "toy.pkl"}, {"file": "../toy.safetensors"}])
def test_a_card_with_unknown_evidence_or_an_unsafe_file_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ModelError):
        replace(CARD, **change)


def test_a_card_with_unknown_fields_is_refused() -> None:
    values = json.loads(card_text(CARD)) | {"surprise": 1}
    with pytest.raises(ModelError, match="surprise"):
        read_card(json.dumps(values))


def test_damaged_weights_are_refused_by_their_sha256(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "toy_lib" / "weights"
    weights.mkdir(parents=True)
    (tmp_path / "toy_lib" / "__init__.py").touch()
    (weights / "toy.safetensors").write_bytes(b"weights")
    good = replace(CARD, sha256=file_sha256(weights / "toy.safetensors"))
    (weights / "toy.json").write_text(card_text(good))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(models, "WEIGHT_PACKAGES", ("toy_lib",))
    card = find_model("toy")
    assert model_file(card).read_bytes() == b"weights"
    (weights / "toy.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match="damaged"):
        model_file(card)
    (weights / "toy.safetensors").unlink()
    with pytest.raises(ModelError, match="missing"):
        model_file(card)


def test_a_model_trained_on_this_site_is_listed_beside_the_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = len(list_models())
    (tmp_path / "toy.safetensors").write_bytes(b"weights")
    (tmp_path / "toy.json").write_text(card_text(replace(CARD, sha256=file_sha256(tmp_path / "toy.safetensors"))))
    (tmp_path / "log.json").write_text("{}")  # no card: no weights beside it
    monkeypatch.setenv(models.OWN_MODELS, str(tmp_path))
    assert len(list_models()) == shipped + 1
    assert model_file(find_model("toy")) == tmp_path.resolve() / "toy.safetensors"


def test_every_shipped_card_describes_the_file_beside_it() -> None:
    for card in list_models():
        assert model_file(card).is_file()
        assert card.figures, f"{card.id} quotes no measured figure"


def test_listing_models_imports_no_torch() -> None:
    code = "import sys, ChestCTLib.models as m; m.list_models(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
