"""Where the parts of the service count what they do, without knowing how it is exported."""

from __future__ import annotations

from typing import Final, Protocol


class Counter(Protocol):
    """Takes counts by name.

    Names are those of the semantic conventions; attributes are few and bounded, because each combination is a series.
    """

    def add(self, name: str, value: int = 1, **attributes: str) -> None:
        """Add ``value`` to the count called ``name`` with these attributes."""


class _Uncounted:
    def add(self, name: str, value: int = 1, **attributes: str) -> None:
        """Forget the count."""


UNCOUNTED: Final[Counter] = _Uncounted()
"""For a part that is used on its own, outside the service."""
