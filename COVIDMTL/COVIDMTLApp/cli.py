"""The ``covidmtl`` command: one line a command, each in its own file under ``commands``."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="covidmtl",
    help="Chest CT in, reviewed case out. Research software: it never makes a diagnosis.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:
    """Keep subcommands even while there is only one."""


def main() -> None:
    """Entry point of the ``covidmtl`` command."""
    app()
