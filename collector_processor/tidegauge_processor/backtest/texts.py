"""Cells of a CSV file, read as what the baseline takes them for.

Text has no type: ``1`` may be a number, a code or the word for true. The baseline knows which values there were, and
how each is spelled as a category; of the ways to read a cell the one counts that the baseline knows, the text itself
first. So ``007`` stays ``007`` where that is a category, and is 7 where only ``7`` is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegauge.baseline import CategoricalFeature
from tidegauge.columns import NumericColumn, category
from tidegauge.observation import class_name
from tidegauge.summaries import OTHER, UNSEEN


def value_of(text: str) -> bool | int | float | str:
    """The value that a text spells.

    >>> [value_of(text) for text in ("True", "007", "1.5", "1_000", "web")]
    [True, 7, 1.5, '1_000', 'web']
    """
    plain = text.strip()
    if plain.lower() in ("true", "false"):
        return plain.lower() == "true"
    for read in (int, float):
        try:
            return text if "_" in text else read(plain)
        except ValueError:
            continue
    return text


def numbers_of_texts(column: pa.ChunkedArray) -> NumericColumn:
    """Read texts as numbers; a text that spells none is of the wrong type.

    >>> numbers_of_texts(pa.chunked_array([["1", None, "x", " inf"]]))
    NumericColumn(values=array([ 1., nan, nan, inf]), mismatched=array([False, False,  True, False]))
    """
    try:
        values = pc.cast(column, pa.float64()).to_numpy().astype(np.float64)
        return NumericColumn(values, np.zeros(values.shape, dtype=np.bool_))
    except pa.ArrowInvalid:
        pass
    read: dict[str, float | None] = {text: _number(text) for text in pc.unique(column).to_pylist() if text is not None}
    texts = column.to_pylist()
    mismatched = np.array([text is not None and read[text] is None for text in texts], dtype=np.bool_)
    values = np.array([math.nan if text is None or (number := read[text]) is None else number for text in texts])
    return NumericColumn(values, mismatched)


def label_of_text(text: str, feature: CategoricalFeature) -> str:
    """Label under which the reference counts the category that a text spells.

    >>> nothing = np.zeros((1, 3), dtype=int), np.zeros(1, dtype=int)
    >>> [label_of_text("1.0", CategoricalFeature("x", own, (), False, *nothing, False)) for own in (("1",), ("1.0",))]
    ['1', '1.0']
    """
    spelled = category(value_of(text)) or text
    labels = [feature.place(category(text) or text), feature.place(spelled)]
    return min(labels, key=lambda label: (label == UNSEEN) + (label in (OTHER, UNSEEN)))


def class_of_text(text: str, classes: Sequence[str]) -> str | None:
    """Class that a text stands for: a name itself, or what it spells.

    >>> [class_of_text(text, ("on_time", "late")) for text in ("late", "1", "0.0", "never")]
    ['late', 'late', 'on_time', 'never']
    """
    return text if text in classes else class_name(value_of(text), classes)


def _number(text: str) -> float | None:
    value: Any = value_of(text)
    if isinstance(value, str):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
