"""The values that go into a judgement and come out of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.statistics.wobble import UNKNOWN, Wobble
from tidegauge_processor.verdicts.state import State

_MAIN_EFFECTS: Final = ("ks_distance", "l_infinity")
_MONTH: Final = 30 * 24 * 3_600 * 10**9


class Stream(NamedTuple):
    """One thing that is watched; a tuple, because it is looked up thousands of times in a judgement.

    Attributes:
        target: ``feature``, ``prediction``, ``score`` or ``quality``.
        name: the feature's name, the class of a score; empty for a prediction.
        detail: the kind of violation, for ``quality``.
    """

    target: str
    name: str
    detail: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.target, self.name, self.detail) if part)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What a stream looked like when all was well.

    Attributes:
        counts: rows by season slot and cell, shape ``(slots, K)``; for ``quality`` the cells are
            ``[good rows, violating rows]``.
        bounds: the bounds between numeric cells, ascending, shape ``(K - 1,)``; None when cells have no order.
        floor: smallest effect that is worth a page; the policy's when None.
        wobble: how far blocks of the reference differ beyond independent rows.

    Raises:
        ValueError: counts and bounds do not fit together.
    """

    counts: NDArray[np.int64]
    bounds: NDArray[np.float64] | None = None
    floor: float | None = None
    wobble: Wobble = UNKNOWN

    def __post_init__(self) -> None:
        if self.counts.ndim != 2 or self.counts.shape[1] < 2:
            raise ValueError(f"reference counts need the shape (slots, cells >= 2), not {self.counts.shape}")
        if self.bounds is not None and self.bounds.shape != (self.cells - 1,):
            raise ValueError(f"{self.cells} cells need {self.cells - 1} bounds, not {self.bounds.shape}")

    @property
    def cells(self) -> int:
        """Number of cells, ``K``."""
        return int(self.counts.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Counts of one closed window.

    Attributes:
        start: ns since the epoch.
        end: ns since the epoch, exclusive.
        counts: rows by cell for each stream, shape ``(K,)``; a stream that is left out had no rows.
        slots: season slots that the window covers, shape ``(slots,)``.
    """

    start: int
    end: int
    counts: Mapping[Stream, NDArray[np.int64]]
    slots: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user may decide about verdicts.

    Attributes:
        false_incidents_per_month: how many incidents a month may open although nothing changed.
        scales: how many of the latest windows are merged, each in turn.
        effect_floor: smallest effect that is worth a page: a KS distance, or a difference of shares.
        quiet_windows: an incident closes after so many windows without an alarm.
        window_length: length of a window, ns.
    """

    false_incidents_per_month: float = 1.0
    scales: tuple[int, ...] = (1, 3, 6, 12, 24, 48, 72)
    effect_floor: float = 0.02
    quiet_windows: int = 24
    window_length: int = 3_600 * 10**9

    @property
    def windows_per_month(self) -> float:
        """Windows in a month of thirty days."""
        return _MONTH / self.window_length


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test of one comparison.

    Attributes:
        method: ``anderson_darling``, ``klotz``, ``g_test`` or ``fisher_exact``.
        statistic: AD, Klotz, G, or the odds ratio.
        p_value: probability of a statistic at least as extreme when nothing has changed.
    """

    __test__ = False  # for pytest, which collects classes by this prefix

    method: str
    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is claimed about one stream over the latest ``scale`` windows.

    Attributes:
        stream: what was compared.
        scale: windows merged.
        start: start of the merged windows, ns since the epoch.
        end: their end.
        rows: rows of the merged windows that were compared.
        state: the claim.
        tests: the evidence.
        level: a p-value at or below it is significant.
        effects: effect sizes by the name of their exact variant.
        effect_lower: lower confidence bound, at ``level``, of the KS distance (numeric) or L-infinity distance.
        reason: why there is no verdict, or what it rests on; empty when there is nothing to add.
        detectable_shift: smallest shift, in standard deviations of the reference, that so many rows would have shown
            every other time; NaN where it cannot be said.
        effect_upper: upper confidence bound of that distance, at ``level``; NaN where it is not known.
    """

    stream: Stream
    scale: int
    start: int
    end: int
    rows: int
    state: State
    tests: tuple[TestResult, ...] = ()
    level: float = 0.0
    effects: Mapping[str, float] = field(default_factory=dict)
    effect_lower: float = 0.0
    reason: str = ""
    detectable_shift: float = math.nan
    effect_upper: float = math.nan

    @property
    def p_value(self) -> float:
        """The smallest p-value of the tests; 1 without a test."""
        return min((test.p_value for test in self.tests), default=1.0)

    @property
    def main_effect(self) -> str:
        """Name of the effect that the floor is about; empty without one."""
        return next((name for name in _MAIN_EFFECTS if name in self.effects), "")

    def dump(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "stream": list(self.stream),
            "scale": self.scale,
            "start": self.start,
            "end": self.end,
            "rows": self.rows,
            "state": self.state.value,
            "tests": [[test.method, test.statistic, test.p_value] for test in self.tests],
            "level": self.level,
            "effects": dict(sorted(self.effects.items())),
            "effect_lower": self.effect_lower,
            "effect_upper": _plain(self.effect_upper),
            "detectable_shift": _plain(self.detectable_shift),
            "reason": self.reason,
        }

    @classmethod
    def load(cls, plain: dict[str, Any]) -> Verdict:
        """Read what `dump` wrote."""
        read = {
            "stream": Stream(*plain["stream"]),
            "state": State(plain["state"]),
            "tests": tuple(TestResult(*test) for test in plain["tests"]),
            "effect_upper": _number(plain["effect_upper"]),
            "detectable_shift": _number(plain["detectable_shift"]),
        }
        return cls(**plain | read)


def _plain(number: float) -> float | None:
    return None if math.isnan(number) else number  # JSON has no NaN


def _number(plain: float | None) -> float:
    return math.nan if plain is None else plain
