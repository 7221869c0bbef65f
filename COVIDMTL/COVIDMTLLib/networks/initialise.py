"""He initialisation, as all networks of the paper start (Section 5.1)."""

from __future__ import annotations

from torch import nn


def he_initialise(network: nn.Module) -> None:
    """Draw convolution and linear weights from He's normal distribution; norms start as identity, biases at 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm3d):
            nn.init.ones_(module.weight)
        if isinstance(module, nn.Conv3d | nn.Linear | nn.BatchNorm3d) and module.bias is not None:
            nn.init.zeros_(module.bias)
