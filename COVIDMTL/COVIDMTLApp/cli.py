"""The ``covidmtl`` command: one line a command, each in its own file under ``commands``.

Command files import numpy, torch, SimpleITK and the like inside their functions, so that ``--help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from COVIDMTLApp.commands.compare import compare
from COVIDMTLApp.commands.convert import convert
from COVIDMTLApp.commands.corrections import save_correction
from COVIDMTLApp.commands.features import evaluate_stability, train_features
from COVIDMTLApp.commands.intensity_map import evaluate_intensity_map, intensity_map, train_intensity_map
from COVIDMTLApp.commands.lesion_training import evaluate_lesions, train_lesions
from COVIDMTLApp.commands.lesions import lesions, measure
from COVIDMTLApp.commands.lungs import evaluate_lungs, lungs
from COVIDMTLApp.commands.models import models
from COVIDMTLApp.commands.mtl import evaluate_mtl, reproduce_ablation, train_mtl, train_single
from COVIDMTLApp.commands.phantom import phantom
from COVIDMTLApp.commands.prognosis import evaluate_map_prognosis, evaluate_prognosis
from COVIDMTLApp.commands.radiomics import radiomics
from COVIDMTLApp.commands.reproduce import (
    reproduce_fig5,
    reproduce_fig6,
    reproduce_fig8,
    reproduce_table3,
    reproduce_table4,
    reproduce_table5,
    reproduce_table8,
)
from COVIDMTLApp.commands.run import run
from COVIDMTLApp.commands.view import view
from COVIDMTLApp.console import ProgressStyle, set_style

app = typer.Typer(
    name="covidmtl",
    help="Chest CT in, reviewed case out. Research software: it never makes a diagnosis.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


@app.callback()
def _root(
    progress: Annotated[
        ProgressStyle, typer.Option(help="How to show progress: a bar, JSON lines for programs, or none.")
    ] = ProgressStyle.auto,
) -> None:
    set_style(progress)


app.command("run")(run)
app.command("lungs")(lungs)
app.command("models")(models)
app.command("phantom")(phantom)
app.command("radiomics")(radiomics)
app.command("intensity-map")(intensity_map)
app.command("compare")(compare)
app.command("lesions")(lesions)
app.command("measure")(measure)
app.command("view")(view)
app.command("save-correction")(save_correction)
app.command("convert")(convert)

# Sub-commands of several rooms: add a line `train.command("name")(function)` and the like below.
train = typer.Typer(help="Train a model on your own data.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure a method or a model on labelled data.", no_args_is_help=True)
reproduce = typer.Typer(help="Reproduce a table or figure of the papers.", no_args_is_help=True)
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")
app.add_typer(reproduce, name="reproduce")
train.command("intensity-map")(train_intensity_map)
evaluate.command("lungs")(evaluate_lungs)
evaluate.command("intensity-map")(evaluate_intensity_map)
evaluate.command("map-prognosis")(evaluate_map_prognosis)
train.command("lesions")(train_lesions)
evaluate.command("lesions")(evaluate_lesions)
train.command("mtl")(train_mtl)
train.command("features")(train_features)
evaluate.command("stability")(evaluate_stability)
evaluate.command("prognosis")(evaluate_prognosis)
train.command("single")(train_single)
evaluate.command("mtl")(evaluate_mtl)
reproduce.command("ablation")(reproduce_ablation)
reproduce.command("table3")(reproduce_table3)
reproduce.command("table4")(reproduce_table4)
reproduce.command("table5")(reproduce_table5)
reproduce.command("table8")(reproduce_table8)
reproduce.command("fig5")(reproduce_fig5)
reproduce.command("fig6")(reproduce_fig6)
reproduce.command("fig8")(reproduce_fig8)


def main() -> None:
    """Entry point of the ``covidmtl`` command."""
    app(prog_name="covidmtl")
