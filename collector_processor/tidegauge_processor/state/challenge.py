"""What a version remembers of its comparison with another version of the same model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
    """

    champion: str
    baseline: str
    since: int
    windows: list[Window] = field(default_factory=list)
    judged_until: int = 0
    incidents: IncidentLog = field(default_factory=IncidentLog)

    def dump(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "champion": self.champion,
            "baseline": self.baseline,
            "since": self.since,
            "windows": [dump_counted(window) for window in self.windows],
            "judged_until": self.judged_until,
            "incidents": self.incidents.dump(),
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
        )
