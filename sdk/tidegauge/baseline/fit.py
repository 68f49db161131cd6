"""From the reference rows to a `Baseline`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline.counting import BOOLEAN, SlottedRows, Vocabulary, categorical_feature, numeric_feature
from tidegauge.baseline.features import Feature, NumericFeature
from tidegauge.baseline.frame import ColumnType, Frame, nearest
from tidegauge.baseline.joint import encode as encode_joint
from tidegauge.baseline.joint_fit import fit_joint
from tidegauge.baseline.loss import PREDICTION, LossModel, encode, encode_numbers, fit_loss
from tidegauge.baseline.new_categories import met_again
from tidegauge.baseline.outputs import Columns, class_outputs, number_outputs
from tidegauge.baseline.seasons import finest_slots, hours_of_times, slots_of_times
from tidegauge.baseline.tasks import NUMBER_TASKS, Task, check_task
from tidegauge.columns import categorical_column, numeric_column
from tidegauge.errors import BaselineError

if TYPE_CHECKING:
    from tidegauge.baseline.baseline import Baseline, Scalar


def fit(
    cls: type[Baseline],
    df: Any,
    *,
    model: str,
    version: str,
    task: Task,
    columns: Columns,
    features: Iterable[str] | None,
    exclude: Iterable[str],
    categorical: Iterable[str],
    categories_from: Any,
    ranges: Mapping[str, tuple[float, float]],
    threshold: float,
    metadata: Mapping[str, Scalar],
    attributions: Any,
) -> Baseline:
    """Do the work of `Baseline.fit`, whose arguments these are."""
    check_task(task)
    frame = Frame(df)
    types = _feature_types(frame, columns, features, exclude, categorical)
    limits = _limits(ranges, types)
    times = None if columns.timestamp is None else frame.times(columns.timestamp)
    slots = 1 if times is None else finest_slots(times)
    slot = np.zeros(frame.rows, dtype=np.intp) if times is None else slots_of_times(times, slots)
    rows = SlottedRows(slot, slots, None if times is None else hours_of_times(times))
    training = None if categories_from is None else Frame(categories_from)
    found = [_feature(name, kind, frame, training, rows, limits) for name, kind in types.items()]
    references, watched = tuple(feature for feature, _ in found), {feature.name: column for feature, column in found}
    if task in NUMBER_TASKS:
        outputs = number_outputs(frame, task, columns, rows)
    else:
        outputs = class_outputs(frame, task, columns, rows, threshold)
    return cls(
        model=model,
        version=version,
        task=task,
        slots=slots,
        features=references,
        threshold=float(threshold),
        rows=frame.rows,
        start=None if times is None else int(times.min()),
        end=None if times is None else int(times.max()),
        metadata=dict(metadata),
        loss=_loss(frame, references, watched, outputs.value, columns, rows) if task == "regression" else None,
        joint=fit_joint({feature.name: _encoded(watched[feature.name], feature) for feature in references}, rows),
        attributions=() if attributions is None else _attributions(Frame(attributions), types, rows),
        **vars(outputs),
    )


def _loss(
    frame: Frame,
    features: Iterable[Feature],
    watched: Mapping[str, Any],
    value: NumericFeature | None,
    columns: Columns,
    rows: SlottedRows,
) -> LossModel | None:
    """What error to expect of a row, where the reference has predictions and labels."""
    if value is None or columns.prediction is None or columns.label is None:
        return None
    predicted, actual = (numeric_column(frame.column(name)).values for name in (columns.prediction, columns.label))
    codes = {feature.name: encode(feature, watched[feature.name]) for feature in features}
    errors = np.where(np.isfinite(predicted) & np.isfinite(actual), predicted - actual, np.nan)
    return fit_loss(codes | {PREDICTION: encode_numbers(value, predicted)}, errors, rows)


def _feature_types(
    frame: Frame, columns: Columns, features: Iterable[str] | None, exclude: Iterable[str], categorical: Iterable[str]
) -> dict[str, ColumnType]:
    roles = columns.roles
    for name in roles:
        frame.column(name)
    dropped = set(_names(frame, "exclude", exclude))
    codes = set(_names(frame, "categorical", categorical))
    chosen = frame.names if features is None else _names(frame, "features", features)
    taken = [name for name in chosen if name in roles] if features is not None else []
    if taken:
        raise BaselineError(f"column {taken[0]!r} is the {roles[taken[0]]}, so it cannot be a feature")
    kept = [name for name in chosen if name not in dropped and name not in roles]
    if not kept:
        raise BaselineError("no column is left to be a feature")
    if unused := sorted(codes.difference(kept)):
        raise BaselineError(f"categorical names {unused[0]!r}, which is not among the features")
    return {name: "categorical" if name in codes else frame.column_type(name) for name in kept}


def _names(frame: Frame, option: str, names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise BaselineError(f"{option} must be a list of column names, not the text {names!r}")
    found = tuple(str(name) for name in names)
    for name in found:
        frame.column(name)
    return found


def _limits(
    ranges: Mapping[str, tuple[float, float]], types: Mapping[str, ColumnType]
) -> dict[str, tuple[float, float]]:
    for name, (low, high) in ranges.items():
        if name not in types:
            raise BaselineError(f"ranges names {name!r}, which is not among the features{nearest(name, types)}")
        if types[name] != "numeric":
            raise BaselineError(f"ranges names {name!r}, which is {types[name]}")
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise BaselineError(f"range of {name!r} must be two finite, ascending numbers, not {low} and {high}")
    return {name: (float(low), float(high)) for name, (low, high) in ranges.items()}


def _feature(
    name: str,
    kind: ColumnType,
    frame: Frame,
    training: Frame | None,
    rows: SlottedRows,
    limits: Mapping[str, tuple[float, float]],
) -> tuple[Feature, Any]:
    """A reference, and the column as it was counted."""
    if kind == "numeric":
        column = frame.column(name)
        return numeric_feature(name, numeric_column(column), rows, limits.get(name)), column
    values = _categories(frame, name)
    if kind == "boolean":
        return categorical_feature(name, values, rows, BOOLEAN, boolean=True), values
    known = values if training is None else _categories(training, name)
    if training is None:
        values = met_again(values)
    return categorical_feature(name, values, rows, Vocabulary.of(known), boolean=False), values


def _encoded(column: Any, feature: Feature) -> NDArray[np.float64]:
    read = numeric_column if isinstance(feature, NumericFeature) else categorical_column
    return encode_joint(read(column), feature)


def _categories(frame: Frame, name: str) -> list[str | None]:
    column = categorical_column(frame.column(name))
    if column.mismatched:
        raise BaselineError(
            f"column {name!r}: {column.mismatched} rows hold neither text nor numbers nor true or false"
        )
    return column.values


def _attributions(table: Frame, types: Mapping[str, ColumnType], rows: SlottedRows) -> tuple[NumericFeature, ...]:
    if table.rows != rows.slot.size:
        raise BaselineError(f"there are attributions of {table.rows} rows, and {rows.slot.size} rows of reference")
    found = []
    for name in table.names:
        if name not in types:
            raise BaselineError(f"attributions name {name!r}, which is not among the features{nearest(name, types)}")
        column = numeric_column(table.column(name))
        if column.mismatched.any():
            raise BaselineError(f"attributions of {name!r} are not all numbers")
        found.append(numeric_feature(name, column, rows, None, marks=(0.0,)))  # no bin holds both signs
    return tuple(found)
