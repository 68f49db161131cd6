"""One incident per cause, not one alarm per window and stream.

An incident opens at the first alarm of a model version. It grows when a further stream alarms or when it becomes
material, and closes after a number of quiet windows. Merged windows remember, and three rules keep them from telling
the same story again:

* a window is loud when an alarm of it is *fresh*: of a stream that is new to the incident, at the finest scale at which
  the stream has alarmed or a finer one, or over rows that all came after the last fresh alarm. Other alarms say how
  large the change is, but not that it goes on. So a loud hour does not keep an incident open for as long as it stays
  inside the last 72 windows;
* after so many windows without a fresh alarm the incident closes, but not while a change may last that only merged
  windows can show: while the windows since look like those that showed it (`lasting`), and then they are loud, or while
  the scale of the last fresh alarm still alarms;
* after it has closed, merged windows that reach back into it open no other and add to no other.

A window in which nothing could be judged is not a quiet one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tidegauge_processor.verdicts.open_incident import Lasts, OpenIncident, rank
from tidegauge_processor.verdicts.ranking import benjamini_hochberg, corrected_p, strength, strongest
from tidegauge_processor.verdicts.state import CloseReason, State
from tidegauge_processor.verdicts.types import Policy, Stream, Verdict, Window

ChangePoint = Callable[[Verdict, int], int]
"""When what an alarm shows has begun, not before the time that is given; both in ns since the epoch."""


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """Something to say about an incident.

    Attributes:
        kind: what happened.
        id: key of the incident, the same on all of its changes; unique within a model version.
        since: start of the merged windows that showed the change most clearly when it opened, ns since the epoch.
        start: start of the window of this change.
        end: its end.
        state: ``changed``, or ``material`` as soon as one stream is.
        change_point: when the change of the strongest stream most likely began, ns since the epoch.
        ranking: the strongest verdict on each stream concerned, strongest first: the streams that alarmed and, while
            open, those on the Benjamini-Hochberg list of the window.
        cause: target of the stream that was strongest when it opened.
        reason: why it closed; None while it is open.
    """

    kind: Literal["opened", "grew", "closed"]
    id: str
    since: int
    start: int
    end: int
    state: State
    change_point: int
    ranking: tuple[Verdict, ...]
    cause: str
    reason: CloseReason | None = None

    @property
    def alarmed(self) -> frozenset[str]:
        """Targets of the streams that alarmed."""
        return frozenset(verdict.stream.target for verdict in self.ranking if verdict.state.alarming)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams concerned, strongest first."""
        return tuple(verdict.stream for verdict in self.ranking)

    def sentences(self) -> tuple[str, ...]:
        """What the ranking says, a sentence for each stream."""
        return tuple(_sentence(verdict) for verdict in self.ranking)


def _start(alarm: Verdict, earliest: int) -> int:
    return max(alarm.start, earliest)


def _is_over(stream: Stream, since: int, until: int, after: int) -> bool:
    return False


class IncidentLog:
    """The incidents of one model version; a state machine that moves on by one closed window.

    Example:
        >>> import numpy as np
        >>> from tidegauge_processor.verdicts.types import TestResult
        >>> age = Stream("feature", "age")
        >>> def hour(number, state, p):
        ...     test = TestResult("g_test", 50.0, p)
        ...     return [Verdict(age, 1, number, number + 1, 500, state, (test,), 1e-6)], Window(
        ...         number, number + 1, {}, np.array([True])
        ...     )
        >>> log, policy = IncidentLog(), Policy(quiet_windows=2)
        >>> days = [(State.OK, 0.5), (State.CHANGED, 1e-9), (State.MATERIAL, 1e-12), (State.OK, 0.5), (State.OK, 0.5)]
        >>> for number, (state, p) in enumerate(days):
        ...     for change in log.update(*hour(number, state, p), policy):
        ...         print(number, change.kind, change.state, change.since)
        1 opened changed 1
        2 grew material 1
        4 closed material 1
    """

    __slots__ = ("_open", "_settled_until")

    def __init__(self) -> None:
        self._open: OpenIncident | None = None
        self._settled_until = 0

    @property
    def open(self) -> str | None:
        """Id of the open incident."""
        return self._open.id if self._open else None

    def update(
        self,
        verdicts: Sequence[Verdict],
        window: Window,
        policy: Policy,
        change_point: ChangePoint = _start,
        lasts: Lasts = _is_over,
    ) -> list[IncidentChange]:
        """Take up the verdicts of a window.

        Args:
            verdicts: all of this window, at all scales.
            window: the window that closed, the newest of those judged.
            policy: how many quiet windows close an incident.
            change_point: dates the strongest alarm when an incident opens, and when another stream becomes the
                strongest; the start of its merged windows when left out.
            lasts: whether a change of which there is no fresh alarm goes on; without it none does.

        Returns:
            What is to be said; usually nothing.
        """
        told = [verdict for verdict in verdicts if verdict.start >= self._settled_until]
        alarms = [verdict for verdict in told if verdict.state.alarming]
        if self._open is None:
            return [self._begin(alarms, told, window, change_point)] if alarms else []
        incident, leader = self._open, self._open.leader.stream
        grown = incident.take_up(alarms, window)
        if grown and incident.leader.stream != leader:
            incident.change_point = change_point(incident.leader, self._settled_until)
        if incident.loud_until < window.end:
            incident.quiet += any(incident.was_judged(verdict) for verdict in verdicts)
            if incident.quiet >= policy.quiet_windows and not incident.lasts(lasts, alarms, window):
                return self.end(window, CloseReason.RECOVERED)
        return [_change("grew", incident, window, told)] if grown else []

    def end(self, window: Window, reason: CloseReason) -> list[IncidentChange]:
        """Close the open incident at the end of ``window``, for whatever reason; empty when there is none."""
        incident, self._open = self._open, None
        if incident is None:
            return []
        self._settled_until = incident.loud_until
        return [_change("closed", incident, window, reason=reason)]

    def current(self, window: Window) -> IncidentChange | None:
        """What is known of the open incident at the end of ``window``; None when there is none."""
        return _change("grew", self._open, window) if self._open else None

    def dump(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"settled_until": self._settled_until, "open": self._open.dump() if self._open else None}

    @classmethod
    def load(cls, plain: dict[str, Any]) -> IncidentLog:
        """Read what `dump` wrote."""
        log = cls()
        log._settled_until = plain["settled_until"]
        log._open = OpenIncident.load(plain["open"]) if plain["open"] else None
        return log

    def _begin(
        self, alarms: list[Verdict], verdicts: Sequence[Verdict], window: Window, change_point: ChangePoint
    ) -> IncidentChange:
        clearest = min(alarms, key=strength)
        self._open = OpenIncident(
            f"{window.start:016x}", clearest.start, clearest.start, window.end, clearest.stream.target
        )
        self._open.take_up(alarms, window)
        self._open.change_point = change_point(self._open.leader, self._settled_until)
        return _change("opened", self._open, window, verdicts)


def _change(
    kind: Literal["opened", "grew", "closed"],
    incident: OpenIncident,
    window: Window,
    verdicts: Sequence[Verdict] = (),
    reason: CloseReason | None = None,
) -> IncidentChange:
    concerned = dict(incident.strongest)
    now = strongest(verdicts)
    for stream in benjamini_hochberg(corrected_p(verdicts)):
        concerned.setdefault(stream, now[stream])
    ranking = tuple(sorted(concerned.values(), key=rank))
    return IncidentChange(
        kind=kind,
        id=incident.id,
        since=incident.since,
        start=window.start,
        end=window.end,
        state=incident.state,
        change_point=incident.change_point,
        ranking=ranking,
        cause=incident.cause,
        reason=reason,
    )


def _sentence(verdict: Verdict) -> str:
    name = verdict.main_effect
    size = f"{name} {verdict.effects[name]:.3g} (at least {verdict.effect_lower:.3g}), " if name else ""
    state = verdict.state.value if verdict.state.alarming else "moved with the others"
    windows = "1 window" if verdict.scale == 1 else f"{verdict.scale} windows"
    return f"{verdict.stream}: {state}, {size}p {verdict.p_value:.2g} over {windows} of {verdict.rows} rows"
