"""What is claimed about a stream, and why a claim ends."""

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


class CloseReason(StrEnum):
    """Why an incident closed."""

    RECOVERED = "recovered"
    """All is well again."""
    BASELINE_CHANGED = "baseline_changed"
    """What it was held against is no longer in force."""
    NO_DATA = "no_data"
    """There is nothing more to judge."""
    VERSION_GONE = "version_gone"
    """The version that it was compared with is no longer there to compare with."""
