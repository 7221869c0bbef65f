"""``covidmtl models``: which models are shipped, and what each learned from."""

from __future__ import annotations

from typing import Annotated

import typer


def models(
    model_id: Annotated[str | None, typer.Argument(help="Show the whole card of this model.")] = None,
) -> None:
    """List the shipped models with what they learned from and how they measured."""
    from ChestCTLib.models import card_text, find_model, list_models
    from COVIDMTLApp import console

    with console.running("Models"):
        if model_id is not None:
            typer.echo(card_text(find_model(model_id)), nl=False)
            return
        for card in list_models():
            typer.echo(f"{card.id}: {card.title} [learned from: {card.evidence}]")
            for figure in card.figures:
                typer.echo(f"    {figure.name} {figure.value:.3f}{figure.unit} on {figure.measured_on}")
