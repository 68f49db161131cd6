"""Settings in environment variables: what cannot be read falls back to its default, with one line.

A variable is set by whoever runs the application, often far from its code. A slip of the pen there shall neither keep
the application from starting nor switch its monitoring off.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, TypeVar

_Value = TypeVar("_Value")
_logger = logging.getLogger("tidegauge")

A_UNIT: Final = "with a unit, as in 500ms, 2s, 5m, 1h or 1m30s"
"""What `seconds` accepts beside a number."""

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h)", re.ASCII)
_FLAGS: Final = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
_PASSWORD: Final = re.compile(r"//[^/@\s]*@")


def read(
    environ: Mapping[str, str], variable: str, parse: Callable[[str], _Value], accepted: str, default: _Value
) -> _Value:
    """The value of ``variable``; ``default`` where it is not set, or, with a line in the log, cannot be read.

    Args:
        environ: name -> text.
        variable: name of the variable.
        parse: reads its text; a `ValueError` says that it cannot.
        accepted: what may stand there, in words.
        default: what is taken otherwise.
    """
    text = environ.get(variable, "")
    if not text.strip():
        return default
    try:
        return parse(text)
    except ValueError:
        fell_back(variable, text, accepted, f"the default, {default}")
        return default


def fell_back(variable: str, text: str, accepted: str, taken: str) -> None:
    """Say once that ``variable`` cannot be read as ``text``, what it accepts and what is ``taken`` instead."""
    shown = _PASSWORD.sub("//***@", text)
    _say_once(f"Tidegauge cannot use {variable}={shown!r}: it takes {accepted}. It goes on with {taken}.")


def seconds(text: str) -> float:
    """Read a time: a number alone is seconds; units are ``ms``, ``s``, ``m`` (minutes) and ``h``, added up.

    Raises:
        ValueError: it is no time.

    >>> [seconds(text) for text in ("2.0", "2s", "500ms", "1m30s", "1h")]
    [2.0, 2.0, 0.5, 90.0, 3600.0]
    """
    text = text.strip()
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    return float(text)


def flag(text: str) -> bool:
    """Read ``true``, ``1``, ``yes`` or ``on``, or their opposites, in any case.

    Raises:
        ValueError: it is none of them.
    """
    found = _FLAGS.get(text.strip().lower())
    if found is None:
        raise ValueError(text)
    return found


@lru_cache(maxsize=256)
def _say_once(line: str) -> None:
    _logger.warning("%s", line)
