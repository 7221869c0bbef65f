"""Write and read feature models: safetensors for arrays, LightGBM's text for boosted trees, settings in the card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from ChestCTLib.errors import ModelError
from ChestCTLib.io.atomic import atomic_path
from ChestCTLib.models import ModelCard, card_text, file_sha256, find_model, model_file
from COVIDMTLLib.feature_models.members import BoostedMember, LinearMember, TreesMember
from COVIDMTLLib.feature_models.network_member import NetworkMember
from COVIDMTLLib.feature_models.normal_scores import NormalScores
from COVIDMTLLib.feature_models.pool import Pool
from COVIDMTLLib.feature_models.stack import AnyMember, StackedModel

FILED_APART = ("boosted", "network")  # members with a card and a file of their own


def save_stack(model: StackedModel, folder: Path, card: ModelCard, apart: dict[str, ModelCard]) -> None:
    """Write a stacked model with its cards.

    Args:
        model: The model.
        folder: Where weights and cards go.
        card: Card of the whole; file name, checksum and settings are filled in here.
        apart: Cards of the members that are written as models of their own ("boosted", "network").

    Raises:
        OutputError: The folder cannot be written.
    """
    arrays: dict[str, npt.NDArray[Any]] = {"quantiles": model.scores.quantiles.astype(np.float64)}
    for name, member in model.members.items():
        arrays[f"{name}.columns"] = model.columns[name].astype(np.int32)
        if isinstance(member, BoostedMember):
            with atomic_path(folder / apart[name].file) as path:
                path.write_text(member.text(), encoding="utf-8")
        elif isinstance(member, NetworkMember):
            _save_arrays(member.arrays(), folder / apart[name].file)
        else:
            arrays |= {f"{name}.{key}": value for key, value in member.arrays().items()}
    _save_arrays(arrays, folder / card.file)
    settings = {
        **card.settings,
        "members": {name: apart[name].id if name in apart else "" for name in model.members},
        "pool": {"weights": model.pool.weights, "bias": list(model.pool.bias)},
    }
    for one in (replace(card, settings=settings), *apart.values()):
        finished = replace(one, sha256=file_sha256(folder / one.file))
        with atomic_path(folder / f"{one.id}.json") as path:
            path.write_text(card_text(finished), encoding="utf-8")


def load_stack(card: ModelCard, folder: Path | None = None) -> StackedModel:
    """Read a stacked model.

    Args:
        card: Card of the whole.
        folder: Where its files lie; the package's own weights if not given (their checksums are then checked).

    Raises:
        ModelError: A file is missing, damaged or does not fit.
    """
    try:
        arrays = load_file(_path(card, folder))
        members: dict[str, AnyMember] = {}
        for name, other in card.settings["members"].items():
            prefix = f"{name}."
            own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            own.pop("columns")
            members[name] = _member(name, own, other, folder)
        pool = Pool(card.settings["pool"]["weights"], tuple(card.settings["pool"]["bias"]))
        columns = {name: arrays[f"{name}.columns"].astype(np.int64) for name in members}
        return StackedModel(NormalScores(arrays["quantiles"]), columns, members, pool)
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(
            f"The model '{card.id}' does not fit its card: {error}.", "Install the extension again."
        ) from error


def _member(name: str, own: dict[str, npt.NDArray[Any]], other: str, folder: Path | None) -> AnyMember:
    if name == "linear":
        return LinearMember.from_arrays(own)
    if name == "trees":
        return TreesMember.from_arrays(own)
    path = _path(find_model(other), None) if folder is None else folder / other
    if name == "boosted":
        return BoostedMember.from_text(path.with_suffix(".txt").read_text(encoding="utf-8"))
    return NetworkMember.from_arrays(load_file(path.with_suffix(".safetensors")))


def _path(card: ModelCard, folder: Path | None) -> Path:
    return model_file(card) if folder is None else folder / card.file


def _save_arrays(arrays: dict[str, npt.NDArray[Any]], target: Path) -> None:
    with atomic_path(target) as path:
        path.write_bytes(save({key: np.ascontiguousarray(value) for key, value in arrays.items()}))
