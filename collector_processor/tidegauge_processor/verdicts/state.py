"""What is claimed about a stream."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Claims, from none at all to one that is worth a page.

    >>> State.MATERIAL.alarming, State.INSUFFICIENT_DATA.alarming
    (True, False)
    """

    INSUFFICIENT_DATA = "insufficient_data"
    """The rows cannot carry a verdict; never a reassurance."""
    OK = "ok"
    """There was enough data and no evidence of a change."""
    CHANGED = "changed"
    """Significant within the budget of false alarms, however small."""
    MATERIAL = "material"
    """Significant, and larger than the floor even at the lower confidence bound."""

    @property
    def alarming(self) -> bool:
        """Whether the state is evidence of a change."""
        return self in (State.CHANGED, State.MATERIAL)
