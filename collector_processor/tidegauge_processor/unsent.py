"""Requests for the back end that are not in the store yet."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegauge_processor.outgoing import Requests
from tidegauge_processor.state.database.outbox import Size


@dataclass(slots=True)
class Unsent:
    """What waits in memory, which it does as long as the state cannot be written.

    Attributes:
        said: events, counters and history, in order.
        present: the gauges that hold; later ones take their place.
    """

    said: Requests = field(default_factory=list)
    present: Requests = field(default_factory=list)

    def drop(self, limit: Size) -> int:
        """Drop the oldest of what is said until the rest is within ``limit``; how many requests those were."""
        size = Size(len(self.said), sum(len(data) for _, data in self.said))
        dropped = 0
        while size.requests > limit.requests or size.bytes > limit.bytes:
            size = size.without([len(self.said[dropped][1])])
            dropped += 1
        del self.said[:dropped]
        return dropped
