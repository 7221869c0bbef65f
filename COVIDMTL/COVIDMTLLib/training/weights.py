"""Weights as they are shipped: float16 safetensors with a model card beside, never pickle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from ChestCTLib.errors import ModelError
from ChestCTLib.io.atomic import atomic_folder
from ChestCTLib.models import ModelCard, card_text, file_sha256, model_file
from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.networks.build import NetworkSettings, build_network
from COVIDMTLLib.training.cases import FeatureScale
from COVIDMTLLib.training.engine import TrainedNetwork

READABLE = 0o644  # safetensors writes for its owner alone, an installation is for everybody
EXTRA_STATE = "_extra_state"  # random generators: of a training, not of a model


def export_network(trained: TrainedNetwork, card: ModelCard, folder: Path) -> ModelCard:
    """Write ``<id>.safetensors`` (float16) and ``<id>.json``.

    Args:
        trained: The network.
        card: Its card; file, sha256 and settings are filled in here.
        folder: A ``weights`` folder.

    Returns:
        The card as it was written.
    """
    with atomic_folder(folder) as temporary:
        file = temporary / f"{card.id}.safetensors"
        file.write_bytes(save(_shipped(trained.network)))
        file.chmod(READABLE)
        whole = replace(card, file=file.name, sha256=file_sha256(file), settings=card.settings | _settings(trained))
        (temporary / f"{card.id}.json").write_text(card_text(whole), encoding="utf-8")
    return whole


def load_network(card: ModelCard, device: torch.device | str = "cpu") -> TrainedNetwork:
    """Build the network of a card and give it its weights.

    Returns:
        The network in float32, in evaluation mode.

    Raises:
        ModelError: The weights are missing, damaged, or do not fit the card.
    """
    return load_exported(model_file(card), card, device)


def load_exported(file: Path, card: ModelCard, device: torch.device | str = "cpu") -> TrainedNetwork:
    """As :func:`load_network`, from a file anywhere."""
    try:
        network_settings = NetworkSettings.from_dict(card.settings["network"])
        input_settings = InputSettings.from_dict(card.settings["input"])
        scale = FeatureScale(**{name: tuple(values) for name, values in card.settings["feature_scale"].items()})
        network = build_network(network_settings)
        state = {name: value.to(network.state_dict()[name].dtype) for name, value in load_file(str(file)).items()}
    except (KeyError, TypeError, SafetensorError) as error:
        raise ModelError(f"The weights of '{card.id}' do not fit its card: {error}.", "Install it again.") from error
    missing, _ = network.load_state_dict(state, strict=False)
    lacking = [name for name in missing if not name.endswith(EXTRA_STATE)]
    if lacking:
        raise ModelError(f"The weights of '{card.id}' lack {lacking[0]}.", "Install the extension again.")
    epochs = int(card.settings.get("epochs", 0))
    return TrainedNetwork(network.to(device).eval(), network_settings, input_settings, scale, epochs)


def _shipped(network: nn.Module) -> dict[str, torch.Tensor]:
    """Contiguous tensors on the CPU; floating ones as float16."""
    tensors = {}
    for name, value in network.state_dict().items():
        if not name.endswith(EXTRA_STATE):
            value = value.detach().cpu()
            tensors[name] = (value.half() if value.is_floating_point() else value).contiguous()
    return tensors


def _settings(trained: TrainedNetwork) -> dict[str, Any]:
    return {
        "network": trained.network_settings.as_dict(),
        "input": trained.input_settings.as_dict(),
        "feature_scale": {"mean": list(trained.scale.mean), "sd": list(trained.scale.sd)},
        "epochs": trained.epochs,
    }
