"""What a decorator says about capturing: frozen at decoration, used at every call."""

from __future__ import annotations

import hashlib
import hmac
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegauge._settings import CaptureMode, Settings
from tidegauge.columns import category, is_missing
from tidegauge.errors import ConfigurationError

if TYPE_CHECKING:
    from tidegauge._explain import Explain


@dataclass(frozen=True)
class Options:
    """How calls of one decorated function are captured.

    Args:
        names: names of the columns of plain arrays.
        segments: columns whose values are slices.
        id_column: column that holds the caller's own key; no feature.
        capture: what spans may carry; None: what the settings say.
        details: whether each row is sent as an event; None: what the settings say; makes no difference to how calls are
            summarised.
        allow: the only features that may leave as values, on spans or in events; None for all.
        deny: features that leave in no form, neither as values nor summarised.
        hash: features of which only a digest leaves. A baseline has no place for digests, so of its features less
            leaves: of numbers the counts by bin, without sum and extremes, and of categories only the violations.
        key: makes the digests unguessable.
        explain: how a sample of the calls is explained; makes no difference to how calls are summarised.
    """

    names: tuple[str, ...] | None = None
    segments: tuple[str, ...] = ()
    id_column: str | None = None
    capture: CaptureMode | None = None
    details: bool | None = field(default=None, compare=False)
    allow: frozenset[str] | None = None
    deny: frozenset[str] = frozenset()
    hash: frozenset[str] = frozenset()
    key: bytes = b""
    explain: Explain | None = field(default=None, compare=False)

    @cached_property
    def aside(self) -> frozenset[str]:
        """Columns that are no features."""
        return self.deny | ({self.id_column} if self.id_column else frozenset())

    @cached_property
    def excused(self) -> frozenset[str]:
        """Columns that may come with a row although the baseline does not know them."""
        return self.aside | frozenset(self.segments)

    def completed(self, settings: Settings) -> Options:
        """These options, with what they leave open taken from ``settings``."""
        details = settings.prediction_details and self.capture != "none" if self.details is None else self.details
        return replace(self, capture=self.capture or settings.capture, details=details, key=settings.receipt_key or b"")

    def values(self, row: Mapping[str, Any]) -> tuple[list[str], list[float] | list[str]]:
        """Names and values of what may be shown of a row: numbers, or texts when any of it is not a number.

        >>> Options(deny=frozenset({"name"})).values({"age": 41, "name": "Ada"})
        (['age'], [41.0])
        """
        shown = {
            name: self.digest(value) if name in self.hash else value
            for name, value in row.items()
            if name not in self.deny and name != self.id_column and (self.allow is None or name in self.allow)
        }
        numbers = [_number(value) for value in shown.values()]
        if None in numbers:
            return list(shown), [category(value) or "" for value in shown.values()]
        return list(shown), [number for number in numbers if number is not None]

    def digest(self, value: Any) -> str:
        """Sixteen hexadecimal digits that stand for ``value``."""
        return hmac.digest(self.key, repr(category(value)).encode(), hashlib.sha256).hex()[:16]


def names_of(option: str, what: Iterable[str] | str) -> tuple[str, ...]:
    """The names that ``option`` of a decorator was given: one or several.

    Raises:
        ConfigurationError: it was given something else.

    >>> names_of("deny", "name"), names_of("deny", ["name", "town"])
    (('name',), ('name', 'town'))
    """
    names = (what,) if isinstance(what, str) else tuple(what) if isinstance(what, Iterable) else (what,)
    for name in names:
        if not isinstance(name, str):
            raise ConfigurationError(f"{option}= takes names of columns, as texts; it was given {name!r}")
    return names


def _number(value: Any) -> float | None:
    if is_missing(value):
        return float("nan")
    return float(value) if isinstance(value, numbers.Real | np.bool_ | Decimal) else None
