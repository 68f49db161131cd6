"""Results that are kept as long as the baseline that they were worked out from."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from tidegauge.baseline import Baseline

T = TypeVar("T")


def kept_with_its_baseline(work: Callable[[Baseline], T]) -> Callable[[Baseline], T]:
    """Work it out once for each baseline; what comes out must not refer to the baseline, which would then never go."""
    kept: WeakKeyDictionary[Baseline, T] = WeakKeyDictionary()

    @wraps(work)
    def look(baseline: Baseline) -> T:
        if baseline not in kept:
            kept[baseline] = work(baseline)
        return kept[baseline]

    return look
