"""How long the requests of an exporter may take, told by whoever ends the process."""

from __future__ import annotations

import time


class Limit:
    """Looked at before each request.

    Attributes:
        deadline: when every request must be over, by the monotonic clock, in seconds; None: the exporter's own timeout.
    """

    __slots__ = ("deadline",)

    def __init__(self) -> None:
        self.deadline: float | None = None

    def seconds(self, timeout: float) -> float:
        """What is left of ``timeout`` seconds under this limit, never less than a moment."""
        return timeout if self.deadline is None else min(timeout, max(self.deadline - time.monotonic(), 0.001))
