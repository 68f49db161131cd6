"""An incident while it is open: what alarmed, how strongly, and whether it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tidegauge_processor.verdicts.ranking import strength, strongest
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Stream, Verdict, Window

Lasts = Callable[[Stream, int, int, int], bool]
"""Whether the windows from the third time on look like those from the first to the second; ns since the epoch."""


@dataclass(slots=True)
class OpenIncident:
    """What is known of it so far.

    Attributes:
        id: its key.
        since: start of the merged windows that showed it when it opened, ns since the epoch.
        change_point: when the change of the strongest stream most likely began, ns since the epoch.
        loud_until: end of the last loud window, ns since the epoch.
        cause: target of the stream that was strongest when it opened.
        state: ``changed``, or ``material`` as soon as one stream is.
        quiet: quiet windows since the last loud one.
        strongest: the strongest alarm of each stream.
        finest: the finest scale at which each stream has alarmed.
        loud: of each stream's last fresh alarms: start of the strongest, end (moved on while it lasts), finest scale.
    """

    id: str
    since: int
    change_point: int
    loud_until: int
    cause: str
    state: State = State.CHANGED
    quiet: int = 0
    strongest: dict[Stream, Verdict] = field(default_factory=dict)
    finest: dict[Stream, int] = field(default_factory=dict)
    loud: dict[Stream, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def leader(self) -> Verdict:
        """The strongest alarm of all."""
        return min(self.strongest.values(), key=rank)

    def is_fresh(self, alarm: Verdict) -> bool:
        """Whether an alarm shows that it goes on, not only how large it is."""
        finest = self.finest.get(alarm.stream)
        return finest is None or alarm.scale <= finest or alarm.start >= self.loud_until

    def was_judged(self, verdict: Verdict) -> bool:
        """Whether a verdict tells that a stream that has alarmed is quiet now."""
        return verdict.state is State.OK and verdict.scale <= self.finest.get(verdict.stream, 0)

    def take_up(self, alarms: Sequence[Verdict], window: Window) -> bool:
        """Learn from alarms; whether the incident has grown."""
        grown = False
        fresh = [alarm for alarm in alarms if self.is_fresh(alarm)]
        if fresh:
            most = strongest(alarms)
            for alarm in sorted(fresh, key=lambda alarm: -alarm.scale):
                self.loud[alarm.stream] = most[alarm.stream].start, window.end, alarm.scale
            self.loud_until, self.quiet = window.end, 0
        for alarm in alarms:
            grown |= alarm.stream not in self.finest
            if alarm.state is State.MATERIAL and self.state is not State.MATERIAL:
                self.state, grown = State.MATERIAL, True
            known = self.strongest.get(alarm.stream)
            if known is None or rank(alarm) < rank(known):
                self.strongest[alarm.stream] = alarm
        for alarm in fresh:
            self.finest[alarm.stream] = min(alarm.scale, self.finest.get(alarm.stream, alarm.scale))
        return grown

    def lasts(self, lasts: Lasts, alarms: Sequence[Verdict], window: Window) -> bool:
        """Whether a change may go on without a fresh alarm; if windows look like it, they are loud."""
        lasting = {
            stream: (since, window.end, scale)
            for stream, (since, until, scale) in self.loud.items()
            if lasts(stream, since, until, self.loud_until)
        }
        if lasting:
            self.loud, self.loud_until, self.quiet = lasting, window.end, 0
        return bool(lasting) or any(alarm.scale <= self.loud.get(alarm.stream, (0, 0, 0))[2] for alarm in alarms)

    def dump(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "id": self.id,
            "since": self.since,
            "change_point": self.change_point,
            "loud_until": self.loud_until,
            "cause": self.cause,
            "state": self.state.value,
            "quiet": self.quiet,
            "streams": [
                [self.strongest[stream].dump(), self.finest[stream], self.loud.get(stream)]
                for stream in sorted(self.finest)
            ],
        }

    @classmethod
    def load(cls, plain: dict[str, Any]) -> Self:
        """Read what `dump` wrote."""
        times = plain["since"], plain["change_point"], plain["loud_until"]
        incident = cls(plain["id"], *times, plain["cause"], State(plain["state"]), plain["quiet"])
        for row, finest, loud in plain["streams"]:
            verdict = Verdict.load(row)
            incident.strongest[verdict.stream] = verdict
            incident.finest[verdict.stream] = finest
            if loud is not None:
                incident.loud[verdict.stream] = tuple(loud)
        return incident


def rank(alarm: Verdict) -> tuple[Any, ...]:
    """Sorts what an incident says of its streams: material claims first, then by evidence."""
    return alarm.state is not State.MATERIAL, *strength(alarm), alarm.stream
