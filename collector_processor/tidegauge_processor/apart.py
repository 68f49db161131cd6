"""Keeps a fault within the one model or part that it is about, so that all others go on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tidegauge import semconv
from tidegauge_processor.counter import Counter

_log = logging.getLogger(__name__)


@contextmanager
def apart(counter: Counter, reason: str, what: str, *names: object) -> Iterator[None]:
    """Log and count what goes wrong in the block, and go on after it.

    Args:
        counter: counts it as ``tidegauge.processor.failed``.
        reason: under this reason.
        what: what failed, with a place for each of ``names``, as the log has it.
        names: whose data it is.
    """
    try:
        yield
    except Exception:
        _log.exception(what, *names)
        counter.add(semconv.METRIC_PROCESSOR_FAILED, reason=reason)
