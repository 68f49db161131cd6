"""Which incidents are worth a page, and which are information."""

from __future__ import annotations

from typing import Final

from tidegauge_processor import comparison
from tidegauge_processor.performance.effect import Effect
from tidegauge_processor.verdicts.incidents import IncidentChange
from tidegauge_processor.verdicts.state import State

_INPUTS: Final = frozenset((comparison.FEATURE, comparison.JOINT))


def pages(change: IncidentChange, effect: Effect | None = None) -> bool:
    """Whether somebody should look at once.

    That is so when a change is material, unless only the inputs have changed and the performance that is to be expected
    of them is surely no worse than before.

    Args:
        change: what became of an incident.
        effect: what is expected of the performance in the windows that showed the strongest change; None where nothing
            can be estimated.
    """
    harmless = change.alarmed <= _INPUTS and effect is not None and effect.unchanged
    return change.state is State.MATERIAL and change.kind != "closed" and not harmless
