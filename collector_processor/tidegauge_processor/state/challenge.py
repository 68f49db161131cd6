"""What a version remembers of its comparison with another version of the same model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tidegauge_processor.records import Exemplar, StreamKey
from tidegauge_processor.state.aggregates import load_stream
from tidegauge_processor.state.counted import dump_counted, load_counted
from tidegauge_processor.verdicts.incidents import IncidentLog
from tidegauge_processor.verdicts.types import Window


@dataclass(slots=True)
class Challenge:
    """A version, the challenger, is compared with another one, the champion.

    Attributes:
        champion: version compared with.
        baseline: id of the champion's baseline, whose cells both are counted in.
        since: start of the challenger's first window beside it, ns since the epoch.
        windows: the challenger's latest windows in those cells, oldest first, without gaps.
        judged_until: end of the last window that was compared, ns since the epoch.
        incidents: open and past incidents of the comparison.
        exemplars: calls of the challenger in windows that the champion has not closed yet, by start of the window and
            stream of data points: by then the challenger's own sums are gone.
        traces: example calls of the latest incident.
    """

    champion: str
    baseline: str
    since: int
    windows: list[Window] = field(default_factory=list)
    judged_until: int = 0
    incidents: IncidentLog = field(default_factory=IncidentLog)
    exemplars: dict[int, dict[StreamKey, tuple[Exemplar, ...]]] = field(default_factory=dict)
    traces: tuple[tuple[str, str], ...] = ()

    def dump(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "champion": self.champion,
            "baseline": self.baseline,
            "since": self.since,
            "windows": [dump_counted(window) for window in self.windows],
            "judged_until": self.judged_until,
            "incidents": self.incidents.dump(),
            "exemplars": [
                [start, [[*stream, streams[stream]] for stream in sorted(streams)]]
                for start, streams in sorted(self.exemplars.items())
            ],
            "traces": self.traces,
        }

    @classmethod
    def load(cls, plain: dict[str, Any]) -> Challenge:
        """Read what `dump` wrote."""
        return cls(
            plain["champion"],
            plain["baseline"],
            plain["since"],
            [load_counted(window) for window in plain["windows"]],
            plain["judged_until"],
            IncidentLog.load(plain["incidents"]),
            {
                start: {load_stream(*stream): tuple(Exemplar(*each) for each in found) for *stream, found in streams}
                for start, streams in plain["exemplars"]
            },
            tuple((trace, span) for trace, span in plain["traces"]),
        )
