"""`tidegauge backtest`: what the processor would have said about the rows of a file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tidegauge.baseline import Baseline
from tidegauge.errors import DataError
from tidegauge_processor.class_columns import ClassScore, class_columns
from tidegauge_processor.config import Duration, load
from tidegauge_processor.config.types import WindowLength
from tidegauge_processor.policies import policy_of
from tidegauge_processor.terminal import Screen, echo

if TYPE_CHECKING:
    from tidegauge_processor.backtest.replay import Progress as Told

WRONG_USE = 2


def backtest(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Rows, one a prediction: Parquet or CSV.")],
    baseline: Annotated[Path, typer.Option(metavar="FILE", help="Baseline that the rows are compared with.")],
    timestamp: Annotated[str, typer.Option(metavar="COL", help="Time of the prediction.")],
    prediction: Annotated[str | None, typer.Option(metavar="COL", help="Predicted class or number.")] = None,
    score: Annotated[str | None, typer.Option(metavar="COL", help="Predicted probability or score.")] = None,
    class_score: ClassScore = None,
    label: Annotated[str | None, typer.Option(metavar="COL", help="What came true; empty while nobody knows.")] = None,
    label_time: Annotated[
        str | None, typer.Option(metavar="COL", help="When the label was known; it has until labels.wait to arrive.")
    ] = None,
    segment: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Groups to measure and, of a binary task, to compare; may be repeated."),
    ] = None,
    list_: Annotated[
        str | None, typer.Option("--list", metavar="COL", help="Of a ranking: which rows are one list.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Length of a window, such as 1h; the configuration's else.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The processor's configuration; without it, the defaults.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every verdict there, as JSON.")
    ] = None,
) -> None:
    """Say what the processor would have said on history: the same code, by the time of the rows."""
    # here: other commands need not wait for these
    from tidegauge_processor.backtest import LabelColumns, OutputColumns, Source, run
    from tidegauge_processor.backtest.reading import FORMATS
    from tidegauge_processor.backtest.screen import show

    if data.suffix.lower() not in FORMATS:
        _stop(f"cannot read {str(data)!r}: its name should end in {' or '.join(FORMATS)}")
    for option, given in (("--label-time", label_time), ("--list", list_)):
        if given and label is None:
            _stop(f"{option} goes with labels: name their column with --label")
    columns = tuple(class_columns(class_score, score).items())
    length = None if window is None else _length(window)
    settings = load(config)
    reference = Baseline.load(baseline)
    if json is not None and not json.absolute().parent.is_dir():  # said now, not after a minute of work
        raise DataError(f"cannot write {str(json)!r}: there is no folder {str(json.parent)!r}")
    policy = policy_of(settings, reference.model, length)
    with _bar() as told:
        outputs = OutputColumns(prediction, score, columns)
        labels = LabelColumns(label, label_time, tuple(dict.fromkeys(segment or ())), list_)
        found = run(Source(data), reference, policy, timestamp, outputs, labels, settings.labels, told)
    if json is not None:
        found.write(json)
    console = Screen()
    show(found, reference, console)
    console.print("\nWhere to look next", style="bold")
    verdicts = f"{json}" if json is not None else "write them with --json FILE"
    console.print(f"  every verdict, window by window   {verdicts}", soft_wrap=True)
    shown = shlex.quote(str(baseline))
    console.print(f"  what the rows are compared with   tidegauge baseline show {shown}", soft_wrap=True)


@contextmanager
def _bar() -> Iterator[Told]:
    """A progress bar on stderr, where that is a terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%")
    with Progress(
        *columns,
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("reading times", total=None)

        def told(done: int, total: int) -> None:
            progress.update(task, description="counting and judging", completed=done, total=total)

        yield told


def _length(text: str) -> Duration:
    try:
        return TypeAdapter(WindowLength).validate_python(text)
    except ValidationError as problem:
        (first, *_) = problem.errors()
        what = str(first["ctx"].get("error", "must be at least 10s")) if "ctx" in first else first["msg"]
        _stop(f"--window: {what}")


def _stop(message: str) -> NoReturn:
    echo(f"tidegauge: {message}", err=True)
    raise typer.Exit(WRONG_USE)
