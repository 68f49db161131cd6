"""How much may be in work at once, in bytes.

Counting requests says little when one may be a thousand times as large as another, and gRPC's own limit on their
number answers in a way that makes clients drop data. So bytes are counted, and what does not fit is turned away with
a time to come again (see ``retry_info``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Admission:
    """Counts the bytes of the requests in work, from any thread.

    Args:
        limit: bytes in work at once. A single request of any size is let in when nothing else is in work.

    Example:
        >>> admission = Admission(limit=100)
        >>> with admission.enter(80) as first, admission.enter(30) as second:
        ...     first, second
        (True, False)
        >>> with admission.enter(1000) as alone:
        ...     alone
        True
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._in_work = 0

    @contextmanager
    def enter(self, size: int) -> Iterator[bool]:
        """Bracket the work on a request of ``size`` bytes; yields whether there is room for it."""
        with self._lock:
            admitted = self._in_work == 0 or self._in_work + size <= self._limit
            if admitted:
                self._in_work += size
        try:
            yield admitted
        finally:
            if admitted:
                with self._lock:
                    self._in_work -= size
