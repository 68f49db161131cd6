"""Times of rows, in whatever form a data frame holds them.

Datetimes and ISO 8601 texts are UTC unless they say otherwise. Numbers count from the epoch: in seconds where all are
below 1e11, in nanoseconds where the largest reaches 1e16. What lies between would be milliseconds or microseconds of
this age, or seconds and nanoseconds of another, and is refused rather than guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.columns import as_array, is_missing
from tidegauge.errors import BaselineError

_FIRST_NOT_SECONDS: Final = 10**11  # the year 5138 in seconds, 1973 in milliseconds
_FIRST_NANOSECONDS: Final = 10**16  # April 1970 in nanoseconds, the year 2286 in microseconds
_LAST_MICROSECOND: Final = (2**63 - 1) // 1000  # the year 2262, beyond which 64 bits hold no nanoseconds
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_times(column: Any, name: str) -> NDArray[np.int64]:
    """Read a column of ``n`` times as nanoseconds since the epoch, shape ``(n,)``.

    Args:
        column: datetimes, ISO texts or numbers.
        name: name of the column, for messages.

    Raises:
        BaselineError: it does not hold times, or some are missing or beyond what 64 bits can hold.

    >>> read_times([datetime(1970, 1, 1, 0, 0, 2), "1970-01-01T01:00:00+01:00"], "t").tolist()
    [2000000000, 0]
    """
    if str(getattr(column, "dtype", "")).lower().startswith("datetime"):  # with a time zone, it knows the way to UTC
        return _from_datetimes(lambda unit: np.asarray(column, dtype=f"datetime64[{unit}]"), name)
    array = as_array(column)
    if array.dtype.kind == "M":
        return _from_datetimes(lambda unit: array.astype(f"datetime64[{unit}]"), name)
    if array.dtype.kind == "O":
        values = array.tolist()
        _check_complete(np.array([is_missing(value) for value in values]), name)
        if not all(isinstance(value, int | float | np.number) for value in values):
            microseconds = np.array([_microseconds(value, name) for value in values])
            return _checked(microseconds, name) * 1_000
        array = np.array(values)
    if array.dtype.kind not in "fiu":
        raise BaselineError(f"column {name!r} holds {array.dtype}, which is no time")
    return _from_numbers(array, name)


def _from_datetimes(read: Callable[[str], NDArray[Any]], name: str) -> NDArray[np.int64]:
    """``read`` gives the times in a unit. Where nanoseconds would not fit, NumPy wraps them around or raises."""
    try:
        microseconds = read("us")
    except OverflowError:
        raise _outside(name) from None
    _check_complete(np.isnat(microseconds), name)
    _checked(microseconds.astype(np.int64), name)
    return read("ns").astype(np.int64)


def _microseconds(value: Any, name: str) -> int:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    except (AttributeError, TypeError, ValueError) as problem:
        raise BaselineError(f"column {name!r} holds {str(value)!r}, which is no time") from problem
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _from_numbers(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    _check_complete(np.isnan(array), name)
    largest = max(float(array.max()), -float(array.min()))
    if largest < _FIRST_NOT_SECONDS:
        microseconds = np.rint(array * 1e6) if array.dtype.kind == "f" else array.astype(np.int64) * 1_000_000
        return _checked(microseconds.astype(np.int64), name) * 1_000
    if largest < _FIRST_NANOSECONDS:
        raise BaselineError(f"column {name!r}: numbers up to {largest:.6g} are neither seconds nor nanoseconds")
    if largest >= 2**63:
        raise BaselineError(f"column {name!r}: {largest:.6g} nanoseconds are beyond the year 2262")
    return array.astype(np.int64)


def _checked(microseconds: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    if microseconds.max() > _LAST_MICROSECOND or microseconds.min() < -_LAST_MICROSECOND:
        raise _outside(name)
    return microseconds


def _outside(name: str) -> BaselineError:
    return BaselineError(f"column {name!r} holds times outside the years 1678 to 2262")


def _check_complete(missing: NDArray[np.bool_], name: str) -> None:
    if missing.any():
        raise BaselineError(f"column {name!r}: {int(missing.sum())} of {missing.size} times are missing")
