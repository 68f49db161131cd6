"""How long the requests of an exporter may take, and whether anybody takes them.

OpenTelemetry's exporters try again by themselves, for ten seconds, while the process that wants to end waits. So our
exporters look here before each request and tell here how it went.
"""

from __future__ import annotations

import time


class Limit:
    """Shared by an exporter and whoever ends it.

    Attributes:
        deadline: when every request must be over, by the monotonic clock, in seconds; None: the exporter's own timeout.
        ending: the process ends: a refused connection is not tried again.
        refused: the latest connection was refused.
    """

    __slots__ = ("deadline", "ending", "refused")

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.ending = False
        self.refused = False

    def seconds(self, timeout: float | None) -> float | None:
        """What is left of ``timeout`` seconds under this limit, never less than a moment."""
        if self.deadline is None:
            return timeout
        left = max(self.deadline - time.monotonic(), 0.001)
        return left if timeout is None else min(timeout, left)
