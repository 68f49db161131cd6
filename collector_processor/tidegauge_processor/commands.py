"""What the ``tidegauge`` command can do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from tidegauge_processor.budgets import describe_budget
from tidegauge_processor.cli_backtest import backtest
from tidegauge_processor.cli_baseline import app as baseline
from tidegauge_processor.config import Config, load
from tidegauge_processor.terminal import echo

app = typer.Typer(
    help="OpenTelemetry-native monitoring of machine-learning models.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(baseline, name="baseline")
app.command()(backtest)


def execute(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: without the program's name.

    Returns:
        The exit code.

    Raises:
        TidegaugeError: the command failed for a reason that its user can mend.
    """
    try:
        result = app(list(arguments), prog_name="tidegauge", standalone_mode=False)
    except typer.TyperException as error:
        message = error.format_message()
        if message:  # a group without a command has shown its help and has no more to say
            echo(f"tidegauge: {message} See tidegauge --help", err=True)
        return error.exit_code
    except typer.Abort:
        return 1
    return result if isinstance(result, int) else 0


def _print_version(wanted: bool) -> None:
    if wanted:
        echo(f"tidegauge {version('tidegauge')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@app.command()
def run(
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Configuration; without it, the defaults.")
    ] = None,
) -> None:
    """Run the processor until it is interrupted or terminated."""
    settings = load(config)
    # gRPC's core writes lines of its own beside ours, such as for a port in use; it reads this once, when first loaded.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from tidegauge_processor.running import run as serve  # here: checking a file need not wait for gRPC and SciPy

    serve(settings)


@app.command()
def validate(file: Annotated[Path, typer.Argument(metavar="FILE", help="Configuration to check.")]) -> None:
    """Show every mistake in a configuration, or the settings that it puts in force."""
    config = load(file)
    echo(f"{file} is valid")
    rows = list(_settings(config, ""))
    width = max(len(name) for name, _, _ in rows)
    for name, value, given in rows:
        echo(f"  {name:<{width}}  {value}{'' if given else '  (default)'}")
    for line in describe_budget(config):
        echo(line)


def _settings(section: BaseModel, prefix: str) -> Iterator[tuple[str, str, bool]]:
    """Name, value and whether it was given, of every setting of ``section``."""
    for name, value in section:
        if isinstance(value, BaseModel):
            yield from _settings(value, f"{prefix}{name}.")
        elif isinstance(section, Config) and name == "models":
            for model, own in section.models.items():
                for setting, effective in section.for_model(model):
                    given = setting in own.drift.model_fields_set
                    yield f"models.{model}.drift.{setting}", _spelled(effective), given
        else:
            yield f"{prefix}{name}", _spelled(value), name in section.model_fields_set


def _spelled(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return str(list(value))
        case "":
            return '""'
    return str(value)
