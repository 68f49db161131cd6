"""From the attributes of a log record to what was predicted, what came of it, and the parts of a published baseline."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tidegauge import semconv
from tidegauge.baseline.features import MOST_CATEGORIES
from tidegauge.score_codes import ScoreCodes, to_codes
from tidegauge_processor.bounds import LATEST
from tidegauge_processor.otlp.limits import Limits, named
from tidegauge_processor.performance.outcomes import Made
from tidegauge_processor.records import BaselinePart

_CLASS_SET: Final = re.compile("[0-9a-f]{8}")
_MOST_PARTS: Final = 64


def baseline_part(found: Mapping[str, Any], body: AnyValue, writer: str, limits: Limits) -> BaselinePart:
    """A part of a published baseline.

    Raises:
        KeyError, TypeError, ValueError: the record is no such part.
    """
    part, parts = int(found[semconv.BASELINE_PART]), int(found[semconv.BASELINE_PARTS])
    if not 0 <= part < parts <= _MOST_PARTS or not body.bytes_value:
        raise ValueError(f"part {part} of {parts} with {len(body.bytes_value)} bytes is no part of a baseline")
    id = named(found[semconv.BASELINE_ID], semconv.BASELINE_ID)
    limits.check_names([id, writer])
    return BaselinePart(id, part, parts, body.bytes_value, writer)


def made(found: Mapping[str, Any], limits: Limits) -> Made:
    """What was predicted.

    Raises:
        KeyError, TypeError, ValueError: the record is no prediction.
    """
    klass = found.get(semconv.PREDICTION_CLASS)
    result = Made(
        prediction_id(found, limits),
        moment(found[semconv.PREDICTION_TIME], semconv.PREDICTION_TIME),
        None if klass is None else named(klass, semconv.PREDICTION_CLASS),
        number(found.get(semconv.PREDICTION_SCORE)),
        number(found.get(semconv.PREDICTION_VALUE)),
        tuple(_segments(found)),
        found.get(semconv.TASK_TYPE) == "ranking",
        _class_scores(found) if semconv.PREDICTION_CLASS_SCORES in found else None,
    )
    limits.check(dict(result.segments))
    limits.check_names([result.klass or ""])
    return result


def prediction_id(found: Mapping[str, Any], limits: Limits) -> str:
    """The key of a prediction."""
    key = named(found[semconv.PREDICTION_ID], semconv.PREDICTION_ID)
    if not key:
        raise ValueError(f"{semconv.PREDICTION_ID} is empty")
    limits.check_names([key])
    return key


def actual(found: Mapping[str, Any], limits: Limits) -> str | float:
    """What came true: a class as text, or a number."""
    true = found[semconv.FEEDBACK_ACTUAL]
    if isinstance(true, str):
        limits.check_names([true])
        return true
    return float(true)


def moment(value: Any, what: str) -> int:
    """A time in ns since the epoch."""
    time = int(value)
    if time < 0:
        raise ValueError(f"{what} is {time}, before the epoch")
    if time > LATEST:
        raise ValueError(f"{what} is {time}, after the year 2200")
    return time


def number(value: Any) -> float | None:
    """A number; None where there is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _class_scores(found: Mapping[str, Any]) -> ScoreCodes:
    class_set, given = named(found.get(semconv.PREDICTION_CLASS_SET, "")), found[semconv.PREDICTION_CLASS_SCORES]
    if not _CLASS_SET.fullmatch(class_set):
        raise ValueError(f"{semconv.PREDICTION_CLASS_SET} is {class_set[:20]!r}, not 8 hexadecimal digits")
    if not isinstance(given, list) or not 0 < len(given) <= MOST_CATEGORIES:
        raise ValueError(f"{semconv.PREDICTION_CLASS_SCORES} must be an array of 1 to {MOST_CATEGORIES} numbers")
    if not all(isinstance(score, int | float) and 0 <= score <= 1 for score in given):
        raise ValueError(f"{semconv.PREDICTION_CLASS_SCORES} must be numbers from 0 to 1")
    return ScoreCodes(class_set, to_codes(np.array(given, dtype=np.float64)).tobytes())


def _segments(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in sorted(found):
        if name.startswith(semconv.SEGMENT_PREFIX):
            yield name.removeprefix(semconv.SEGMENT_PREFIX), named(found[name], name)
