"""Whether a baseline can be worked with: its names are texts and can be said, its counts added to, its times told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tidegauge.baseline import Baseline
from tidegauge.baseline.file import to_plain
from tidegauge.errors import BaselineError
from tidegauge_processor.bounds import LARGEST_COUNT, LATEST
from tidegauge_processor.otlp.limits import Limits

_NAMES: Final = frozenset({"model", "version", "name", "names", "categories", "others", "classes", "klass"})
"""Keys of names and of lists of names."""


def check_bounds(baseline: Baseline, limits: Limits) -> None:
    """Look at all names, counts and times of ``baseline``.

    Raises:
        BaselineError: one is too long or too large, or is no Unicode.
    """
    plain = to_plain(baseline)
    for time in (plain.pop("start"), plain.pop("end")):
        if time is not None and not 0 <= time <= LATEST:
            raise BaselineError(f"its rows are of {time} ns since the epoch, not between the epoch and the year 2200")
    if not all(isinstance(name, str) for name in _names(plain)):
        raise BaselineError("a name in it is no text")
    free = plain.pop("metadata")  # said nowhere, so it may be long
    try:
        longest = max((text.encode() for text in _texts(plain)), key=len)
        for text in _texts(free):
            text.encode()
    except UnicodeEncodeError as error:
        raise BaselineError(f"a name in it is no Unicode: {error}") from error
    if len(longest) > limits.identity_bytes:
        raise BaselineError(
            f"a name in it that begins with {longest[:20].decode(errors='ignore')!r} has {len(longest):,} bytes, "
            f"more than limits.identity_bytes, {limits.identity_bytes:,}"
        )
    if not 0 <= plain.pop("rows") <= LARGEST_COUNT or _total(plain) > LARGEST_COUNT:
        raise BaselineError(f"its rows are below zero, or its counts add up to more than {LARGEST_COUNT:,}")


def _names(plain: Any) -> Iterator[Any]:
    """Whatever stands where a name should."""
    if isinstance(plain, list | tuple):
        for value in plain:
            yield from _names(value)
    elif isinstance(plain, dict):
        for key, value in plain.items():
            if key not in _NAMES:
                yield from _names(value)
            elif isinstance(value, list | tuple):
                yield from value
            else:
                yield value


def _texts(plain: Any) -> list[str]:
    if isinstance(plain, dict):
        return [*plain, *(text for value in plain.values() for text in _texts(value))]
    if isinstance(plain, list | tuple):
        return [text for value in plain for text in _texts(value)]
    return [plain] if isinstance(plain, str) else []


def _total(plain: Any) -> int:
    if isinstance(plain, dict):
        return sum(map(_total, plain.values()))
    if isinstance(plain, list | tuple):
        return sum(map(_total, plain))
    return abs(plain) if isinstance(plain, int) else 0
