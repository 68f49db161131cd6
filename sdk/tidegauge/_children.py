"""Processes that end by ``os._exit``, past `atexit`: children of multiprocessing, of billiard, and Celery's workers.

Each has a place of its own for what is to be done before. Only what is imported already is looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

_PRIORITY: Final = 100
"""Finalizers of a high priority come first, before those that close queues."""


def before_exit(end: Callable[[], None]) -> None:
    """Have ``end`` called before this process ends by ``os._exit``, where it is one of those that do."""
    for package in ("multiprocessing", "billiard"):
        process: Any = sys.modules.get(f"{package}.process")
        util: Any = sys.modules.get(f"{package}.util")
        if process and util and getattr(process.current_process(), "_parent_pid", None) is not None:
            util.Finalize(None, end, exitpriority=_PRIORITY)
    celery: Any = sys.modules.get("celery.signals")
    if celery:  # its pool ends workers past billiard's finalizers
        celery.worker_process_shutdown.connect(lambda **_: end(), weak=False)
