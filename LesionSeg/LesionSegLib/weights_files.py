"""Weights of the lesion networks: fp16 safetensors beside their model card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ChestCTLib.errors import ModelError
from ChestCTLib.models import ModelCard, find_model, model_file, read_card

if TYPE_CHECKING:
    from torch import Tensor

    from LesionSegLib.networks.multi_decoder import MultiDecoderNet

MULTI_DECODER = "multi-decoder"  # value of a card's setting "architecture"
INPUT = "hu-1000-200-lungs-192x256"  # value of its setting "input": networks of another preprocessing are refused


def save_weights(state: dict[str, Tensor], path: Path) -> None:
    """Write a network's state as fp16 safetensors (whole numbers stay whole).

    Args:
        state: From ``state_dict()``.
        path: File to write.
    """
    from safetensors.torch import save

    halved = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu() for name, value in state.items()
    }
    path.write_bytes(save(halved))  # with the folder's usual rights, unlike save_file


def load_multi_decoder(model_id: str) -> tuple[MultiDecoderNet, ModelCard]:
    """Load a shipped multi-decoder network, or an own one.

    Args:
        model_id: Id of its card, or the path of an own card (``.json``) with the weights beside it.

    Returns:
        The network in evaluation mode, and its card.

    Raises:
        ModelError: There is no such model, its weights are missing or damaged, or it is another network.
    """
    path = Path(model_id)
    own = path.suffix == ".json"
    if own and not path.is_file():
        raise ModelError(f"There is no model card {model_id}.", "Give the card that the training wrote.")
    card = read_card(path.read_text("utf-8")) if own else find_model(model_id)
    if card.settings.get("architecture") != MULTI_DECODER:
        raise ModelError(f"The model '{model_id}' is no multi-decoder lesion network.", "Choose a lesion model.")
    if card.settings.get("input") != INPUT:
        raise ModelError(f"The model '{model_id}' was trained for another input.", "Train it again with this version.")
    return build_multi_decoder(card.settings, path.parent / card.file if own else model_file(card)), card


def build_multi_decoder(settings: dict[str, Any], weights: Path) -> MultiDecoderNet:
    """Build a multi-decoder network from a card's settings and read its weights.

    Raises:
        ModelError: Settings and weights do not fit each other.
    """
    from safetensors.torch import load_file

    from LesionSegLib.networks.multi_decoder import MultiDecoderNet, MultiDecoderSettings

    try:
        shape = MultiDecoderSettings(
            labels=tuple(settings["labels"]),
            in_channels=int(settings["in_channels"]),
            widths=tuple(settings["widths"]),
            separate_decoders=bool(settings["separate_decoders"]),
        )
        network = MultiDecoderNet(shape)
        state = load_file(str(weights))
        network.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in state.items()})
    except (KeyError, TypeError, RuntimeError, OSError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(f"The weights {weights.name} do not fit their network: {reason}", "Install again.") from error
    return network.eval()
