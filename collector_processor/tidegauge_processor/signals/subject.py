"""What a signal is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Subject:
    """What a signal is about, and what it rests on.

    Attributes:
        model: name of the model.
        version: version of the model.
        baseline: id of the baseline compared with; empty without one.
        source: ``metric`` when every call counts, ``span`` when it rests on the calls whose spans arrived.
        start: start of the stretch of time, ns since the epoch.
        end: its end, exclusive.
        origin: ``learning`` while a baseline is learned, ``learned`` when such a one is compared with; else empty.
    """

    model: str
    version: str
    baseline: str
    source: Literal["metric", "span"]
    start: int
    end: int
    origin: Literal["", "learning", "learned"] = ""
