"""The multi-decoder network and its single-decoder and single-label forms."""

from __future__ import annotations

import pytest
import torch

from ChestCTLib.errors import InputError
from LesionSegLib.networks.multi_decoder import MultiDecoderNet, MultiDecoderSettings

WIDTHS = (8, 12, 16)


@pytest.mark.parametrize("separate", [True, False])
def test_one_output_a_label_at_the_input_s_size(separate: bool) -> None:
    labels = ("ground glass", "consolidation", "effusion")
    network = MultiDecoderNet(MultiDecoderSettings(labels, 1, WIDTHS, separate))
    assert network(torch.rand(2, 1, 32, 48)).shape == (2, 3, 32, 48)
    assert len(network.decoders) == (3 if separate else 1)


def test_a_label_asked_for_alone_is_the_same_as_among_all() -> None:
    network = MultiDecoderNet(MultiDecoderSettings(("lung", "lesion"), 1, WIDTHS)).eval()
    pictures = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network(pictures, ("lesion",))[:, 0], network(pictures)[:, 1])


def test_one_label_does_not_train_another_label_s_decoder() -> None:
    network = MultiDecoderNet(MultiDecoderSettings(("lung", "lesion"), 1, WIDTHS))
    network(torch.rand(1, 1, 16, 16), ("lesion",)).sum().backward()
    assert all(p.grad is None for p in network.decoders[0].parameters())
    assert any(p.grad is not None for p in network.decoders[1].parameters())


def test_unknown_labels_and_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="unknown"):
        MultiDecoderSettings(labels=("liver",))
    network = MultiDecoderNet(MultiDecoderSettings(("lesion",), 1, WIDTHS))
    with pytest.raises(InputError, match="multiples of 8"):
        network(torch.zeros(1, 1, 20, 16))
    with pytest.raises(InputError, match="effusion"):
        network(torch.zeros(1, 1, 16, 16), ("effusion",))
