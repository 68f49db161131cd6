"""The one place where failures of the SDK end.

The user's predict comes first: what goes wrong on our side is counted, logged once per stage and kind, and swallowed
here. What is logged names the exception's type and the places that it came through, but not its text and not its
traceback: both may quote the values that a model was given. Only a `TidegaugeError` is quoted: its words are ours,
tell names, shapes and types, and say how to mend it. One with a ``kind`` is logged once for each of these, as an export
that fails for another reason than before. Code that reads values of the user's has the form::

    try:
        ...
    except BaseException as error:
        safety.failed("capture", error)

since a value may raise anything, `SystemExit` too. What a signal raised meanwhile, such as Ctrl-C, is the user's, and
`Safety.failed` lets it go on.

What is lost is counted here too: because a bound was reached, or with a failure. Both counts leave the process as
``tidegauge.sdk.failures`` and ``tidegauge.sdk.dropped``.
"""

from __future__ import annotations

import logging
import os
import threading
import traceback
from collections import Counter
from typing import Final

from tidegauge._interruption import is_interruption
from tidegauge.errors import TidegaugeError

_logger = logging.getLogger("tidegauge")
_PLACES: Final = 3
_BESIDE: Final = ("explain_", "details_", "announce_")
"""Reasons for which a row is counted all the same, and lacks its attributions, its details or its announcement."""


class Safety:
    """Counts and swallows failures, drops and late rows; safe in threads.

    Example:
        >>> safety = Safety()
        >>> safety.dropped("buffer_full", 3)
        >>> safety.drops
        {'buffer_full': 3}
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: Counter[str] = Counter()
        self._drops: Counter[str] = Counter()
        self._late = 0
        self._logged: set[tuple[str, str]] = set()

    def failed(self, stage: str, error: BaseException, note: str = "", lost: int = 0) -> None:
        """Count a failure of ``stage`` and log it the first time it happens.

        Args:
            stage: part of the work that failed.
            error: what happened, while it is handled.
            note: words of our own that say more, free of the model's values.
            lost: rows that are lost with it; counted as dropped, for the reason ``STAGE_failed``.

        Raises:
            BaseException: ``error`` itself, where a signal raised it: it is meant for the user.
        """
        if lost:
            with self._lock:
                self._drops[f"{stage}_failed"] += lost
        if is_interruption(error):
            raise error
        if self._count(self._failures, stage, 1, getattr(error, "kind", type(error).__qualname__)):
            _logger.warning(
                "Tidegauge could not do a part of its work (%s): %s%s. Predictions are not affected. "
                "Further failures of this kind are counted, not logged.",
                stage,
                str(error) if isinstance(error, TidegaugeError) else f"{type(error).__name__}{_places(error)}",
                f"; {note}" if note else "",
            )

    def dropped(self, reason: str, count: int, advice: str = "") -> None:
        """Count what was given up or lost, and log the first time for each reason.

        Args:
            reason: why, in a word of a small vocabulary.
            count: rows where it has rows, else points or events.
            advice: what is wrong and how to mend it, free of the model's values.
        """
        if self._count(self._drops, reason, count, "") and count:
            _logger.warning(
                "Tidegauge dropped data (%s)%s. Further drops for this reason are counted, not logged.",
                reason,
                f": {advice}" if advice else "",
            )

    def lose(self, rows: int, events: int, why: str) -> None:
        """Count and say what was still waiting when the process ended.

        Args:
            rows: rows predicted that were never sent.
            events: outcomes and other events that were never sent.
            why: what kept them, in words of our own.
        """
        self._count(self._drops, "exit", rows + events, "")
        _logger.warning(
            "Tidegauge lost %d predicted rows and %d events that could not be sent before the end: %s.",
            rows,
            events,
            why,
        )

    def came_late(self, rows: int) -> None:
        """Count rows whose time lay before an interval that had been closed; they were counted into the current one."""
        with self._lock:
            self._late += rows

    @property
    def failures(self) -> dict[str, int]:
        """Failures so far by stage."""
        with self._lock:
            return dict(self._failures)

    @property
    def drops(self) -> dict[str, int]:
        """What was dropped or lost so far, by reason."""
        with self._lock:
            return dict(self._drops)

    @property
    def lost(self) -> int:
        """How many rows, points and events were dropped so far; what only tells more of a row does not count."""
        with self._lock:
            return sum(count for reason, count in self._drops.items() if not reason.startswith(_BESIDE))

    @property
    def late(self) -> int:
        """Late rows so far."""
        with self._lock:
            return self._late

    def _count(self, counter: Counter[str], key: str, count: int, kind: str) -> bool:
        with self._lock:
            counter[key] += count
            first = (key, kind) not in self._logged
            self._logged.add((key, kind))
            return first


def _places(error: BaseException) -> str:
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)][-_PLACES:]
    places = [f"{code.co_qualname} ({os.path.basename(code.co_filename)}:{line})" for code, line in frames]
    return f" in {' > '.join(places)}" if places else ""
