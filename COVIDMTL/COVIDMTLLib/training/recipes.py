"""Recipes: what to train, on which grid and how, under a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from ChestCTLib.device import choose_device
from ChestCTLib.errors import InputError
from ChestCTLib.progress import CancelCheck, Progress, never_cancelled, no_progress, part
from COVIDMTLLib.network_input import InputSettings
from COVIDMTLLib.networks.build import NetworkSettings
from COVIDMTLLib.networks.shift3d import ShiftSettings
from COVIDMTLLib.training.distributed import workers
from COVIDMTLLib.training.engine import TrainedNetwork, train
from COVIDMTLLib.training.phantom_cases import PhantomCase, make_phantom_cases
from COVIDMTLLib.training.settings import TrainSettings

RecipeName = Literal["paper", "phantom-cpu", "phantom-gpu"]


@dataclass(frozen=True)
class Recipe:
    """Network, input and training that belong together.

    Attributes:
        name: Of the recipe.
        network: The network.
        input: What it sees.
        training: How it is trained.
        phantoms: Phantoms for training, validation and test; all 0 where the recipe needs a table of cases.
    """

    name: str
    network: NetworkSettings
    input: InputSettings
    training: TrainSettings
    phantoms: tuple[int, int, int] = (0, 0, 0)


RECIPES: dict[str, Recipe] = {
    # Section 5.1, for two GPUs and a table of cases
    "paper": Recipe("paper", NetworkSettings(), InputSettings(), TrainSettings()),
    # A quarter of the width and a single pool on a grid of 5 mm: class maps of 20 mm, under an hour on two cores
    "phantom-cpu": Recipe(
        "phantom-cpu",
        NetworkSettings(width=0.25, pools=(True, False, False)),
        InputSettings((5.0, 5.0, 5.0), (68, 44, 60)),
        TrainSettings(epochs=16, batch=8, learning_rate=0.02, final_learning_rate=2e-4, clip_gradient=5.0),
        phantoms=(160, 28, 80),
    ),
    # The paper's width on a grid of 2.5 mm, for an accelerator
    "phantom-gpu": Recipe(
        "phantom-gpu",
        NetworkSettings(pools=(True, True, False)),
        InputSettings((2.5, 2.5, 2.5), (136, 88, 120)),
        TrainSettings(epochs=60, batch=10, learning_rate=0.01, final_learning_rate=1e-4, clip_gradient=5.0, loaders=8),
        phantoms=(2000, 200, 400),
    ),
}


def find_recipe(name: str) -> Recipe:
    """A recipe by its name.

    Raises:
        InputError: There is none of this name.
    """
    if name not in RECIPES:
        raise InputError(f"There is no recipe '{name}'.", f"Use one of {', '.join(get_args(RecipeName))}.")
    return RECIPES[name]


def without_shift(network: NetworkSettings) -> NetworkSettings:
    """The same network whose Shift3D never shifts, for comparisons."""
    return replace(network, shift=ShiftSettings(chance=0.0))


def single_task(recipe: Recipe, task: str) -> Recipe:
    """The recipe for one task alone, as the paper's single-task networks are trained."""
    return replace(recipe, name=f"{recipe.name}-{task}", network=replace(recipe.network, tasks=(task,)))


def train_on_phantoms(
    recipe: Recipe,
    folder: Path,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never_cancelled,
) -> tuple[TrainedNetwork, Sequence[PhantomCase]]:
    """Make a recipe's phantoms, train on them, and give the held-out ones back.

    Args:
        recipe: One with phantoms.
        folder: Gets ``phantoms/`` and the run; calling again continues where it stopped.
        progress: Told the share done.
        cancelled: Asked between phantoms and steps.

    Returns:
        The trained network, and the test phantoms, which neither training nor choosing has seen.

    Raises:
        InputError: The recipe has no phantoms, or the folder holds another run.
    """
    if not recipe.phantoms[0]:
        raise InputError(f"The recipe '{recipe.name}' has no phantoms.", "Give a table of cases.")
    cases = folder / "phantoms"
    n_train, n_validation, n_test = recipe.phantoms
    with workers(choose_device(recipe.training.device)) as own:
        progress = own.telling(progress)
        made, watched, tested = part(progress, 0.0, 0.15), part(progress, 0.15, 0.18), part(progress, 0.18, 0.22)
        with own.leader_first():
            learn = make_phantom_cases("train", n_train, recipe.input, cases, made, cancelled)
            watch = make_phantom_cases("validation", n_validation, recipe.input, cases, watched, cancelled)
            held_out = make_phantom_cases("test", n_test, recipe.input, cases, tested, cancelled)
        trained = train(
            recipe.network,
            recipe.input,
            recipe.training,
            [phantom.case for phantom in learn],
            [phantom.case for phantom in watch],
            folder,
            progress=part(progress, 0.22, 1.0),
            cancelled=cancelled,
        )
    return trained, held_out
