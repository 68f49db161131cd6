"""Lengths of time as the Collector's configuration writes them.

Go's spelling is one or more numbers, each with a unit, the parts added up: ``15s``, ``1h30m``, ``1.5h``, ``500ms``.
The units are ``ns``, ``us`` (or ``µs``), ``ms``, ``s``, ``m`` and ``h``. There is no day, because a day is not
always 24 hours: write ``24h``. See https://pkg.go.dev/time#ParseDuration.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # micro sign, U+00B5
    "μs": 1_000,  # Greek mu, U+03BC; Go takes both
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_DAYS: Final = re.compile(r"(\d+)d", re.ASCII)
_LONGEST: Final = 2**63 - 1


class Duration(int):
    """A length of time in whole nanoseconds; an ``int`` in every respect but its spelling.

    Example:
        >>> hour = Duration.parse("1h")
        >>> int(hour), hour.seconds, str(hour)
        (3600000000000, 3600.0, '1h')
        >>> str(Duration(3 * hour + 1_500_000_000))
        '3h1.5s'
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read Go's spelling.

        Args:
            text: such as ``15s``, ``5m`` or ``1h30m``; ``0`` needs no unit. Fractions of a nanosecond are cut off.

        Raises:
            ValueError: ``text`` is not such a spelling; the message shows one that is.

        >>> [int(Duration.parse(text)) for text in ("0", "1h30m", "1.5h", "500ms", "1us")]
        [0, 5400000000000, 5400000000000, 500000000, 1000]
        >>> Duration.parse("2d")
        Traceback (most recent call last):
        ...
        ValueError: durations have no unit for days: write 48h
        """
        if text == "0":
            return cls(0)
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(_how_to_mend(text))
        total = sum(Fraction(number) * _UNITS[unit] for number, unit in parts)
        if total > _LONGEST:
            raise ValueError(f"{text} is longer than the 292 years that fit into nanoseconds: write less")
        return cls(int(total))

    @property
    def seconds(self) -> float:
        """The same length in seconds, for the standard library's timeouts."""
        return int(self) / 1_000_000_000

    def __str__(self) -> str:
        left, spelled = int(self), ""
        for unit in ("h", "m"):
            whole, left = divmod(left, _UNITS[unit])
            spelled += f"{whole}{unit}" if whole else ""
        if left or not spelled:
            unit = next((unit for unit in ("s", "ms", "us") if left >= _UNITS[unit]), "ns") if left else "s"
            whole, rest = divmod(left, _UNITS[unit])
            spelled += f"{whole}{_decimals(rest, _UNITS[unit])}{unit}"
        return spelled


def _decimals(rest: int, unit: int) -> str:
    return "." + str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0") if rest else ""


def _how_to_mend(text: str) -> str:
    days = _DAYS.fullmatch(text)
    if days:
        return f"durations have no unit for days: write {int(days[1]) * 24}h"
    if text.replace(".", "", 1).isdecimal():
        return f"{text} has no unit: write {text}s for seconds, or ms, m, h"
    return f"{text!r} is not a duration: write it like 15s, 5m, 1h30m or 500ms"
