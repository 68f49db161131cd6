"""What clocks that run ahead may do: little.

A time more than five minutes ahead of the clock on the wall is taken for that clock's own, where it would decide what
is newest: an outcome from next year would be the last word on its prediction until then. Points keep their time, since
it tells duplicates apart. Their windows wait until that time has come, and only so many of them: the farthest one goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from tidegauge_processor.performance.outcomes import Made, Outcome, Said
from tidegauge_processor.records import Decoded
from tidegauge_processor.state.models import FURTHEST_AHEAD, ModelState

WINDOWS_AHEAD: Final = "windows_ahead"

T = TypeVar("T")


def hold_back(decoded: Decoded, now: int) -> Counter[str]:
    """Give outcomes and predictions of ``decoded`` that are far ahead of ``now`` (ns since the epoch) that time.

    Returns:
        How many were ahead, by name of the model.
    """
    ahead: Counter[str] = Counter()
    for key, outcomes in decoded.outcomes.items():
        ahead[key.model] += _hold_back(outcomes, now, _outcome)
    for key, made in decoded.made.items():
        ahead[key.model] += _hold_back(made, now, _made)
    for key, said in decoded.said.items():
        ahead[key.model] += _hold_back(said, now, _said)
    return +ahead


def make_room_ahead(state: ModelState, start: int, now: int, most: int) -> tuple[bool, int]:
    """Find room for the window that starts at ``start``, where it begins later than ``now``.

    Args:
        state: of the model version.
        start: ns since the epoch.
        now: the clock on the wall, ns since the epoch.
        most: windows that may begin later.

    Returns:
        Whether there is room; and how many points went with a window that had to make it.
    """
    if start <= now or start in state.windows:
        return True, 0
    ahead = [other for other in state.windows if other > now]
    if len(ahead) < most:
        return True, 0
    farthest = max(ahead)
    return (False, 0) if farthest <= start else (True, state.drop_window(farthest))


def _hold_back(items: list[T], now: int, by: Callable[[T, int], T]) -> int:
    """Replace what is ahead; how many items that were."""
    found = 0
    for place, item in enumerate(items):
        held = by(item, now)
        if held is not item:
            items[place] = held
            found += 1
    return found


def _outcome(outcome: Outcome, now: int) -> Outcome:
    if max(outcome.recorded_at, outcome.predicted_at) <= now + FURTHEST_AHEAD:
        return outcome
    recorded, predicted = _by(now, outcome.recorded_at), _by(now, outcome.predicted_at)
    return replace(outcome, recorded_at=recorded, predicted_at=predicted)


def _made(made: Made, now: int) -> Made:
    return made if made.at <= now + FURTHEST_AHEAD else made._replace(at=now)


def _said(said: Said, now: int) -> Said:
    return said if said.recorded_at <= now + FURTHEST_AHEAD else said._replace(recorded_at=now)


def _by(now: int, time: int) -> int:
    return time if time <= now + FURTHEST_AHEAD else now
