"""Counts of closed windows as plain values, for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidegauge_processor.verdicts.types import Stream, Window


def dump_counted(window: Window) -> dict[str, Any]:
    """Plain values: equal windows give equal ones."""
    return {
        "start": window.start,
        "end": window.end,
        "slots": window.slots.tolist(),
        "counts": [[s.target, s.name, s.detail, window.counts[s].tolist()] for s in sorted(window.counts)],
    }


def load_counted(plain: dict[str, Any]) -> Window:
    """Read what `dump_counted` gave."""
    return Window(
        start=plain["start"],
        end=plain["end"],
        counts={Stream(*names): np.array(cells, dtype=np.int64) for *names, cells in plain["counts"]},
        slots=np.array(plain["slots"], dtype=np.bool_),
    )
