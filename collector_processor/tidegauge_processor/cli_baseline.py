"""`tidegauge baseline`: make a baseline from a file of reference rows, and look into one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.table import Table

from tidegauge.baseline import TASKS, Baseline, CategoricalFeature, Feature, JointReference, NumericFeature
from tidegauge.errors import BaselineError
from tidegauge_processor import learned_files
from tidegauge_processor.class_columns import ClassScore, class_columns
from tidegauge_processor.file_names import stem
from tidegauge_processor.terminal import Screen, echo

if TYPE_CHECKING:
    import pandas as pd

FAILED, WRONG_USE = 1, 2

app = typer.Typer(help="Make a baseline and look into one.", no_args_is_help=True)

_SEASONS = {1: "none", 24: "hour of the day, UTC", 168: "hour of the week, UTC"}
_READERS = {".parquet": "read_parquet", ".csv": "read_csv"}
_EXACT_CSV = (3, 1)  # pandas that reads numbers of a CSV file exactly without being told


@app.command()
def build(
    data: Annotated[Path, typer.Argument(help="Reference rows, one a prediction: Parquet or CSV.")],
    model: Annotated[str, typer.Option(help="Name of the model.")],
    version: Annotated[str, typer.Option(help="Version of the model.")],
    task: Annotated[str, typer.Option(help=f"What the model predicts: {', '.join(TASKS)}.")],
    prediction: Annotated[str | None, typer.Option(metavar="COL", help="Predicted class or number.")] = None,
    score: Annotated[str | None, typer.Option(metavar="COL", help="Predicted probability or score.")] = None,
    class_score: ClassScore = None,
    label: Annotated[str | None, typer.Option(metavar="COL", help="What really happened.")] = None,
    timestamp: Annotated[str | None, typer.Option(metavar="COL", help="Time of the prediction.")] = None,
    feature: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Column to watch; repeat it. All others when left out.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="COL", help="Column not to watch; repeat it.")] = None,
    categorical: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Column whose numbers are codes of categories; repeat it.")
    ] = None,
    categories_from: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Training rows, from which categories are chosen.")
    ] = None,
    attributions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What each feature added to each prediction, row by row.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="A score from here on means the positive class.")] = 0.5,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="MODEL-VERSION.baseline.json when left out.")
    ] = None,
) -> None:
    """Make a baseline from reference rows."""
    if task not in TASKS:
        _stop(f"unknown task {task!r}: it must be one of {', '.join(TASKS)}", WRONG_USE)
    path, columns = output or _default_path(model, version), class_columns(class_score, score)
    with _one_line():
        baseline = Baseline.fit(
            _read(data),
            model=model,
            version=version,
            task=task,
            prediction=prediction,
            score=columns or score,
            label=label,
            timestamp=timestamp,
            features=feature,
            exclude=exclude or (),
            categorical=categorical or (),
            categories_from=None if categories_from is None else _read(categories_from),
            threshold=threshold,
            attributions=None if attributions is None else _read(attributions),
        )
        baseline.save(path)
    echo(_summary(path, baseline))


@app.command()
def promote(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    version: Annotated[str, typer.Argument(help="Version of the model.")],
    state: Annotated[
        Path, typer.Option("--state", metavar="DIR", help="State directory of the processor, which may be running.")
    ] = Path("tidegauge-data"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="MODEL-VERSION.baseline.json when left out.")
    ] = None,
) -> None:
    """Write the baseline that the processor has learned to a file, to be given to the model."""
    path = output or _default_path(model, version)
    with _one_line():
        baseline = learned_files.latest(state, model, version)
        baseline.save(path)
    echo(_summary(path, baseline))
    echo(f'Give it to the model with monitor({model!r}, version={version!r}, baseline="{path}").')


@app.command()
def show(file: Annotated[Path, typer.Argument(help="A baseline.")]) -> None:
    """Print what a baseline contains."""
    with _one_line():
        baseline = Baseline.load(file)
    console = Screen()
    console.print(_facts(baseline))
    table = Table("feature", "type", "bins", "missing", "range or most frequent")
    for name in ("bins", "missing"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for feature in baseline.features:
        table.add_row(*_row(feature, baseline.rows))
    console.print(table)


def _default_path(model: str, version: str) -> Path:
    return Path(f"{stem(model, version)}.baseline.json")


def _summary(path: Path, baseline: Baseline) -> str:
    slots = f"{baseline.slots} season slot{'s' if baseline.slots > 1 else ''}"
    return f"{path}: baseline {baseline.id}, {len(baseline.features)} features, {baseline.rows:,} rows, {slots}"


def _facts(baseline: Baseline) -> Table:
    facts = {
        "model": f"{baseline.model} {baseline.version}",
        "baseline": baseline.id,
        "task": baseline.task,
        "rows": f"{baseline.rows:,}",
        "season": _SEASONS[baseline.slots],
    }
    if baseline.start is not None and baseline.end is not None:
        facts["time"] = f"{_moment(baseline.start)} to {_moment(baseline.end)}"
    if baseline.class_counts is not None:
        counts = baseline.class_counts.sum(axis=0)
        shares = zip(baseline.classes, counts / max(counts.sum(), 1), strict=True)
        facts["predicted"] = ", ".join(f"{name} {share:.1%}" for name, share in shares)
    if baseline.joint is not None:
        facts["joint"] = _joint(baseline.joint)
    if baseline.attributions:
        facts["attributions"] = f"of {len(baseline.attributions)} features"
    facts |= {name: f"{number:.4g}" for name, number in sorted(baseline.performance.items())}
    facts |= {name: str(value) for name, value in sorted(baseline.metadata.items())}
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(name, value)
    return table


def _joint(joint: JointReference) -> str:
    found = f"{len(joint.components)} principal components of {len(joint.names)} features"
    return f"{found}, error up to {joint.error.bounds[-1]:.4g} on {joint.error.counts.sum():,} other rows"


def _row(feature: Feature, rows: int) -> tuple[str, str, str, str, str]:
    missing = f"{feature.missing.sum() / rows:.1%}"
    bins = str(feature.counts.shape[1])
    if isinstance(feature, NumericFeature):
        seen = feature.counts.sum() > 0
        content = f"{_reference_range(feature)}, valid {feature.low:.6g} to {feature.high:.6g}" if seen else "no values"
        return feature.name, "numeric", bins, missing, content
    kind = "boolean" if feature.boolean else "categorical"
    return feature.name, kind, bins, missing, _most_frequent(feature)


def _reference_range(feature: NumericFeature) -> str:
    # The first bin ends one double below the smallest reference value, the last begins at the largest.
    return f"{math.nextafter(feature.bounds[0], math.inf) + 0.0:.6g} to {feature.bounds[-1]:.6g}"


def _most_frequent(feature: CategoricalFeature) -> str:
    rows = max(int(feature.counts.sum()), 1)
    *known, unseen = zip(feature.labels, feature.counts.sum(axis=0).tolist(), strict=True)
    pairs = sorted(((label, count) for label, count in known if count), key=lambda pair: -pair[1])
    content = [f"{label} {count / rows:.1%}" for label, count in pairs[:4]]
    content += [f"{len(pairs) - 4} more"] if len(pairs) > 4 else []
    content += [f"{unseen[0]} {unseen[1] / rows:.1%}"] if unseen[1] else []
    return ", ".join(content) or "no values"


def _moment(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd  # here: the other commands need not wait for it

    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        _stop(f"cannot read {str(path)!r}: its name should end in {' or '.join(_READERS)}", WRONG_USE)
    inexact = tuple(int(part) for part in pd.__version__.split(".")[:2]) < _EXACT_CSV
    options = {"float_precision": "round_trip"} if inexact and reader == "read_csv" else {}
    try:
        frame: pd.DataFrame = getattr(pd, reader)(path, **options)
        return frame
    except OSError as problem:
        raise BaselineError(f"cannot read {str(path)!r}: {problem.strerror or problem}") from problem
    except ValueError as problem:  # pandas and pyarrow say so of files that are not what their names promise
        raise BaselineError(f"cannot read {str(path)!r}: {problem}") from problem


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except BaselineError as problem:
        _stop(" ".join(str(problem).split()), FAILED)


def _stop(message: str, code: int) -> NoReturn:
    echo(f"tidegauge: {message}", err=True)
    raise typer.Exit(code)
