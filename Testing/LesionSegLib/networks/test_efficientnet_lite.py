"""EfficientNet-lite0 as an encoder: its levels, and weights that come over from the published network."""

from __future__ import annotations

import pytest
import torch
from skimage.data import chelsea
from torch import Tensor
from torch.nn import functional

from ChestCTLib.errors import MissingDependencyError
from LesionSegLib.networks.efficientnet_lite import (
    LEVEL_CHANNELS,
    NORM_EPSILON,
    STAGES,
    STEM_CHANNELS,
    EfficientNetLite,
    take_photograph_weights,
)
from LesionSegLib.networks.multi_decoder import MultiDecoderNet, MultiDecoderSettings
from LesionSegLib.training.photograph_weights import photograph_weights

SETTINGS = MultiDecoderSettings(encoder="efficientnet-lite0", widths=(4, 6, 8, 10, 12))


def published() -> dict[str, Tensor]:
    """A state with the published names and shapes, and numbers that tell layers apart."""
    draw = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}

    def unit(conv: str, norm: str, out: int, channels: int, kernel: int) -> None:
        state[f"{conv}.weight"] = 0.1 * torch.randn(out, channels, kernel, kernel, generator=draw)
        for name in ("weight", "bias", "running_mean"):
            state[f"{norm}.{name}"] = torch.rand(out, generator=draw)
        state[f"{norm}.running_var"] = 0.5 + torch.rand(out, generator=draw)

    unit("_conv_stem", "_bn0", STEM_CHANNELS, 3, 3)
    before, number = STEM_CHANNELS, 0
    for stage in STAGES:
        for _ in range(stage.blocks):
            name, inside = f"_blocks.{number}", before * stage.expansion
            if stage.expansion > 1:
                unit(f"{name}._expand_conv", f"{name}._bn0", inside, before, 1)
            unit(f"{name}._depthwise_conv", f"{name}._bn1", inside, 1, stage.kernel)
            unit(f"{name}._project_conv", f"{name}._bn2", stage.channels, inside, 1)
            before, number = stage.channels, number + 1
    return state


def test_levels_halve_five_times_with_the_channels_that_decoders_are_told() -> None:
    levels = EfficientNetLite(4).eval()(torch.rand(1, 4, 64, 96))
    assert [level.shape[1] for level in levels] == list(LEVEL_CHANNELS)
    assert [level.shape[2:] for level in levels] == [(64 // 2**n, 96 // 2**n) for n in range(1, 6)]


def test_published_weights_fill_every_layer_and_the_lungs_begin_without_influence() -> None:
    encoder = EfficientNetLite(4)
    state = published()
    take_photograph_weights(encoder, state)
    own = encoder.state_dict()
    given = {name: value for name, value in state.items() if "running" not in name}
    learned = [value for name, value in own.items() if "running" not in name and "batches" not in name]
    extra = own["stem.conv.weight"][:, 3:]
    assert sum(value.numel() for value in learned) == sum(value.numel() for value in given.values()) + extra.numel()
    assert not extra.any()
    torch.testing.assert_close(own["stages.6.0.project.norm.running_var"], state["_blocks.15._bn2.running_var"])
    pictures = torch.rand(1, 4, 32, 32)
    without = pictures.clone()
    without[:, 3] = 0.0
    encoder.eval()
    torch.testing.assert_close(encoder(pictures)[-1], encoder(without)[-1])


def test_a_state_of_another_network_is_refused() -> None:
    state = published()
    del state["_blocks.3._depthwise_conv.weight"]
    with pytest.raises(KeyError, match=r"_blocks\.3"):
        take_photograph_weights(EfficientNetLite(3), state)


def test_decoders_of_any_width_join_it_and_one_label_trains_one_decoder() -> None:
    network = MultiDecoderNet(SETTINGS)
    assert network(torch.rand(2, 4, 32, 64)).shape == (2, 2, 32, 64)
    network.zero_grad()
    network(torch.rand(2, 4, 32, 32), ("lesion",)).sum().backward()
    assert all(weights.grad is None for weights in network.decoders[1].parameters())
    assert all(weights.grad is not None for weights in network.encoder.parameters())


def test_half_precision_gives_about_the_same_answer() -> None:
    encoder = EfficientNetLite(4).eval()
    pictures = torch.rand(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        exact = encoder(pictures)[-1]
        with torch.autocast("cpu", torch.bfloat16):
            half = encoder(pictures)[-1].float()
    assert (exact - half).abs().mean() < 0.05 * exact.abs().mean()


def test_started_from_photographs_it_knows_a_cat() -> None:
    try:
        state = photograph_weights()
    except MissingDependencyError:
        pytest.skip("covidmtl[photographs] is not installed")
    encoder = EfficientNetLite(3).eval()
    take_photograph_weights(encoder, state)
    cat = torch.from_numpy(chelsea()[:, 75:375].copy()).permute(2, 0, 1).float()[None]
    cat = functional.interpolate((cat - 127.0) / 256.0 + 0.5, (224, 224), mode="bilinear", antialias=True)
    with torch.inference_mode():
        deep = functional.conv2d(encoder(cat)[-1], state["_conv_head.weight"])
        norm = [state[f"_bn1.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        pooled = functional.relu6(functional.batch_norm(deep, *norm, eps=NORM_EPSILON)).mean((2, 3))
        classes = pooled @ state["_fc.weight"].T + state["_fc.bias"]
    assert int(classes.argmax()) in (281, 282, 285)  # tabby, tiger cat, Egyptian cat
