"""A trained multi-decoder network as a shippable model: fp16 weights and the card beside them."""

from __future__ import annotations

from pathlib import Path

from ChestCTLib.models import Figure, ModelCard, card_text, file_sha256
from LesionSegLib.networks.multi_decoder import MultiDecoderNet
from LesionSegLib.preprocessing import INPUT_SHAPE, WINDOW_HU
from LesionSegLib.weights_files import INPUT, MULTI_DECODER, save_weights


def export_multi_decoder(
    network: MultiDecoderNet,
    folder: Path,
    model_id: str,
    figures: tuple[Figure, ...],
    learned_from: str,
    split: str,
    licence: str,
) -> ModelCard:
    """Write ``<id>.safetensors`` and ``<id>.json``.

    Args:
        network: Trained.
        folder: Existing folder.
        model_id: Id of the model.
        figures: What was measured, on data that was not trained on.
        learned_from: Training data with licence.
        split: How held-out data was kept apart.
        licence: Licence of the weights.

    Returns:
        The card.
    """
    weights = folder / f"{model_id}.safetensors"
    save_weights(network.state_dict(), weights)
    shape = network.settings
    card = ModelCard(
        id=model_id,
        title="COVID-19 lesions, slice by slice (multi-decoder)",
        task="lesions",
        file=weights.name,
        sha256=file_sha256(weights),
        evidence="real slices",
        learned_from=learned_from,
        split=split,
        input_contract=(
            f"Axial slices on canonical axes with a lung mask; a frame round the lungs resized to {INPUT_SHAPE[0]} x "
            f"{INPUT_SHAPE[1]}, HU cut to {WINDOW_HU[0]:g}..{WINDOW_HU[1]:g} and scaled to 0..1; "
            "channels: slice below, slice, slice above (2.5 mm apart), lung mask."
        ),
        licence=licence,
        intended_use="Research on lesion extent in chest CT of adults with known or suspected COVID-19. No diagnosis.",
        limits=(
            "Every training slice shows an infection, so false positives in healthy lungs are likelier than measured. "
            "Few patients; children, contrast phases, other diseases and slices above 8 mm were not tried. "
            "Ground glass and consolidation of volumes are parted by HU, not by the network."
        ),
        figures=figures,
        settings={
            "architecture": MULTI_DECODER,
            "input": INPUT,
            "labels": list(shape.labels),
            "in_channels": shape.in_channels,
            "widths": list(shape.widths),
            "separate_decoders": shape.separate_decoders,
        },
        citation="Multi-decoder lesion segmentation of the intensity-map prognosis paper (section 4), own layers",
    )
    (folder / f"{model_id}.json").write_text(card_text(card), encoding="utf-8")
    return card
