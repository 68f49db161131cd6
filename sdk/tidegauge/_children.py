"""Processes that end by ``os._exit``, past `atexit`: children of multiprocessing, of billiard, and Celery's workers.

Each has a place of its own for what is to be done before. Only what is imported already is looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

_PACKAGES: Final = ("multiprocessing", "billiard")
_PRIORITY: Final = 100
"""Finalizers of a high priority come first, before those that close queues."""


def is_child() -> bool:
    """Whether this process was started by multiprocessing or billiard."""
    return any(map(_is_child_of, _PACKAGES))


def before_exit(end: Callable[[], None]) -> None:
    """Have ``end`` called before this process ends by ``os._exit``, where it is one of those that do."""
    for package in _PACKAGES:
        util: Any = sys.modules.get(f"{package}.util")
        if util and _is_child_of(package):
            util.Finalize(None, end, exitpriority=_PRIORITY)
    celery: Any = sys.modules.get("celery.signals")
    if celery:  # its pool ends workers past billiard's finalizers
        celery.worker_process_shutdown.connect(lambda **_: end(), weak=False)


def _is_child_of(package: str) -> bool:
    module: Any = sys.modules.get(f"{package}.process")
    if module is None:
        return False
    process = module.current_process()  # while a child that was spawned imports the program, it is not yet itself
    return getattr(process, "_parent_pid", None) is not None or getattr(process, "_inheriting", False)
