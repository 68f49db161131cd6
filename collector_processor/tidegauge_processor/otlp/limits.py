"""What one request may ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from tidegauge_processor.config import sections

IDENTITY_BYTES: Final = "identity_bytes"
REQUEST_NESTING: Final = "request_nesting"
REQUEST_ELEMENTS: Final = "request_elements"
BUCKETS_PER_POINT: Final = "buckets_per_point"
MALFORMED: Final = "malformed"
"""Reasons for which records are rejected, beside those of single limits, which are called as the limits are."""

PARSED: Final = 100
"""Messages inside one another that google.protobuf parses."""
MOST_ATTRIBUTES: Final = 128
"""Attributes of a point; OpenTelemetry's own limit."""

_WIDEST: Final = 4  # bytes of a character in UTF-8


class Limits(NamedTuple):
    """Limits on what one request may ask for; see `config.sections.Limits`.

    Attributes:
        identity_bytes: longest name, in UTF-8.
        request_nesting: messages that may lie in one another.
        request_elements: messages of a request, and what takes as much room.
        buckets_per_point: buckets of a histogram's point.
    """

    identity_bytes: int
    request_nesting: int
    request_elements: int
    buckets_per_point: int

    @classmethod
    def of(cls, settings: sections.Limits) -> Limits:
        """Those that a configuration says."""
        return cls(*(getattr(settings, name) for name in cls._fields))

    def check(self, found: Mapping[str, str]) -> None:
        """Look at the names and values of attributes that stand for something.

        Raises:
            RefusedError: one of them is too long, or there are too many.
        """
        if len(found) > MOST_ATTRIBUTES:
            raise RefusedError(IDENTITY_BYTES, f"{len(found)} attributes, more than {MOST_ATTRIBUTES}")
        # A character has four bytes at the most: usually all of them together are so few that nothing can be too long.
        if _WIDEST * (sum(map(len, found)) + sum(map(len, found.values()))) > self.identity_bytes:
            self.check_names(found)
            self.check_names(found.values())

    def check_buckets(self, number: int) -> None:
        """Look at the number of buckets of a point.

        Raises:
            RefusedError: there are too many.
        """
        if number > self.buckets_per_point:
            raise RefusedError(
                BUCKETS_PER_POINT,
                f"{number:,} buckets, more than limits.{BUCKETS_PER_POINT}, {self.buckets_per_point:,}",
            )

    def check_names(self, names: Iterable[str]) -> None:
        """Look at names.

        Raises:
            RefusedError: one of them is too long.
        """
        for name in names:
            if _WIDEST * len(name) > self.identity_bytes and len(name.encode()) > self.identity_bytes:
                raise RefusedError(
                    IDENTITY_BYTES,
                    f"a name that begins with {name[:20]!r} has {len(name.encode()):,} bytes, more than "
                    f"limits.identity_bytes, {self.identity_bytes:,}",
                )


DEFAULT: Final = Limits.of(sections.Limits())


class RefusedError(ValueError):
    """A record that is not taken.

    Attributes:
        reason: what it is counted under.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def reason_of(error: Exception) -> str:
    """What a record that ``error`` tells of is counted under."""
    return str(getattr(error, "reason", MALFORMED))


def named(value: Any, what: str = "a name") -> str:
    """A name from the value of an attribute.

    Raises:
        RefusedError: there is none, or it is an array or a map, of which nobody makes a name.
    """
    if isinstance(value, str | int | float):
        return str(value)
    raise RefusedError(MALFORMED, f"{what} must be a text or a number")
