"""A batch that did not arrive this time."""

from __future__ import annotations

from typing import Final

from tidegauge.errors import TidegaugeError

PASSING: Final = frozenset({"refused", "unreachable", "silent", "lost", "busy"})
"""Kinds of failures that may pass by themselves, as when a receiver is started anew."""


class UnsentError(TidegaugeError):
    """A batch did not arrive this time.

    Args:
        kind: what went wrong, in a word of a small vocabulary; each kind is logged once.
        text: what is wrong and how to mend it.
        pause: seconds that the receiver asks to be left alone.
    """

    def __init__(self, kind: str, text: str, pause: float = 0.0) -> None:
        super().__init__(text)
        self.kind = kind
        self.pause = pause
