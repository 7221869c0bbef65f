"""Recipes: from phantoms to weights with a card, in small."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ChestCTLib.errors import InputError
from ChestCTLib.models import find_model, model_file, read_card
from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.networks.build import NetworkSettings
from COVIDMTLLib.training.phantom_card import export_phantom_model
from COVIDMTLLib.training.recipes import RECIPES, find_recipe, single_task, train_on_phantoms, without_shift
from COVIDMTLLib.training.weights import load_exported

SHIPPED = "covid-mtl-phantom-cpu"
LARGEST_BYTES = 10_000_000
BARS = {"AUC ct": 0.95, "macro AUC severity": 0.85}


@pytest.mark.slow
def test_a_recipe_makes_its_phantoms_trains_and_exports_a_card_with_its_figures(tmp_path):
    recipe = replace(
        find_recipe("phantom-cpu"),
        input=InputSettings((10.0, 10.0, 10.0), (36, 24, 32)),
        training=replace(find_recipe("phantom-cpu").training, epochs=1, device="cpu"),
        phantoms=(3, 1, 3),
    )
    trained, held_out = train_on_phantoms(recipe, tmp_path / "run")
    assert [phantom.case.split for phantom in held_out] == ["test"] * 3
    card = export_phantom_model(trained, recipe, held_out, tmp_path / "weights")
    written = read_card((tmp_path / "weights" / f"{card.id}.json").read_text())
    assert written == card
    assert written.evidence == "synthetic"
    assert "3 / 1 / 3 phantoms" in written.split
    assert {"accuracy ct", "accuracy nat", "accuracy severity"} <= {figure.name for figure in card.figures}
    again = load_exported(tmp_path / "weights" / card.file, card)
    assert again.network_settings == recipe.network
    assert again.input_settings == recipe.input


def test_the_shipped_card_states_its_evidence_its_grid_and_figures_above_the_bars():
    card = find_model(SHIPPED)
    recipe = find_recipe("phantom-cpu")
    assert card.evidence == "synthetic"
    assert f"{recipe.input.spacing_mm[0]:g} mm" in card.input_contract
    assert NetworkSettings.from_dict(card.settings["network"]) == recipe.network
    assert InputSettings.from_dict(card.settings["input"]) == recipe.input
    assert model_file(card).stat().st_size < LARGEST_BYTES
    figures = {figure.name: figure.value for figure in card.figures}
    assert all(figures[name] >= bar for name, bar in BARS.items())
    assert sum("CAM" in name for name in figures) == 3


def test_the_papers_recipe_is_the_papers():
    paper = find_recipe("paper")
    assert paper.input.size == (200, 250, 250)
    assert paper.input.spacing_mm == (1.0, 1.0, 1.0)
    assert paper.network == NetworkSettings()
    assert paper.phantoms == (0, 0, 0)
    with pytest.raises(InputError, match="no phantoms"):
        train_on_phantoms(paper, None)  # type: ignore[arg-type]  # refused before the folder is touched
    with pytest.raises(InputError, match="fast"):
        find_recipe("fast")


def test_variants_change_one_thing():
    recipe = RECIPES["phantom-cpu"]
    assert without_shift(recipe.network) == replace(recipe.network, shift=replace(recipe.network.shift, chance=0.0))
    assert single_task(recipe, "nat").network == replace(recipe.network, tasks=("nat",))
