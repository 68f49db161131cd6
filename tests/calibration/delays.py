"""How long until a change is found, beside an oracle that knows the change.

The oracle is Page's CUSUM on the raw rows of the one feature that changes: it knows the law before and after, and that
one of fifty features changes, but not when. Its threshold gives it as many false alarms as the budget allows. The
probability of a false alarm falls like ``exp(-h)`` with the threshold ``h``, because it adds up logarithms of
likelihood ratios; so its level is measured at thresholds that are often passed and extrapolated.

Source: E. S. Page (1954), Continuous inspection schemes, Biometrika 41, 100-115.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tests.calibration import laws
from tests.calibration.month import DAY, World, alarmed, levels_of, model
from tidegauge_processor.verdicts.types import Policy

Floats = NDArray[np.float64]

FEATURES = 50
REPLICATES = 100
QUIET = 96
"""Windows before the change."""
PATIENCE = 300
"""Windows after it; a change that is not found by then counts as found in the last one."""


@dataclass(frozen=True)
class Change:
    """A change of a standard normal feature.

    Attributes:
        name: what happens.
        sample: rows for an amount of change between 0 and 1: ``(rng, amount, rows)``.
        shares: probabilities of cells at some bounds for that amount.
        ratio: log-likelihood ratio of rows, changed wholly against not at all.
        amount: how much of it holds in the hours after it began, shape ``(hours,)`` in and out.
    """

    name: str
    sample: Callable[[np.random.Generator, float, int], Floats]
    shares: Callable[[Floats, float], Floats]
    ratio: Callable[[Floats], Floats]
    amount: Callable[[Floats], Floats] = np.ones_like


def shift(size: float, name: str, amount: Callable[[Floats], Floats] = np.ones_like) -> Change:
    """All rows move."""
    return Change(
        name,
        lambda rng, part, rows: rng.normal(size * part, 1.0, rows),
        lambda bounds, part: np.diff(stats.norm.cdf(bounds - size * part), prepend=0.0, append=1.0),
        lambda x: size * x - size**2 / 2,
        amount,
    )


def stretch(factor: float) -> Change:
    """The spread grows."""
    return Change(
        f"scale x {factor}",
        lambda rng, part, rows: rng.normal(0.0, 1 + (factor - 1) * part, rows),
        lambda bounds, part: np.diff(stats.norm.cdf(bounds / (1 + (factor - 1) * part)), prepend=0.0, append=1.0),
        lambda x: stats.norm.logpdf(x, 0, factor) - stats.norm.logpdf(x),
    )


def spike(share: float, at: float, width: float = 0.01) -> Change:
    """Some rows gather at one place."""

    def sample(rng: np.random.Generator, part: float, rows: int) -> Floats:
        return np.where(rng.random(rows) < share * part, rng.normal(at, width, rows), rng.normal(size=rows))

    def shares(bounds: Floats, part: float) -> Floats:
        spiked = share * part * stats.norm.cdf(bounds, at, width)
        return np.diff((1 - share * part) * stats.norm.cdf(bounds) + spiked, prepend=0.0, append=1.0)

    def ratio(x: Floats) -> Floats:
        return np.log(1 - share + share * stats.norm.pdf(x, at, width) / stats.norm.pdf(x))

    return Change(f"{share:.0%} spike at {at:g} sd", sample, shares, ratio)


CHANGES = (
    shift(0.1, "shift 0.1 sd"),
    shift(0.2, "shift 0.2 sd"),
    shift(0.5, "shift 0.5 sd"),
    stretch(1.2),
    spike(0.05, at=3.0),
    spike(0.05, at=1.0),
    shift(0.5, "ramp to 0.5 sd in 72 hours", lambda hours: np.minimum(hours / 72, 1.0)),
    shift(0.5, "0.5 sd in 6 hours of each day", lambda hours: (hours % DAY < 6).astype(np.float64)),
)
ROWS = (50, 200, 1_000)


def ours(change: Change, rows: int, seed: int) -> Floats:
    """Windows until the change is found, each of `REPLICATES` models."""
    rng = np.random.default_rng(seed)
    law, world, policy = laws.normal(rng), World(rows, rows), Policy()
    references = [known for _ in range(REPLICATES // FEATURES) for known in model(rng, law, world, FEATURES)]
    assert law.bounds is not None
    before = np.repeat(change.shares(law.bounds, 0.0)[None], QUIET, axis=0)
    after = np.stack([change.shares(law.bounds, part) for part in change.amount(np.arange(float(PATIENCE)))])
    shares = np.concatenate([before, after])
    counts = np.stack([rng.multinomial(rows, shares) for _ in references])
    return _first(alarmed(references, counts, policy, levels_of(references[0], FEATURES, policy))[:, QUIET:])


def oracle(change: Change, rows: int, seed: int) -> Floats:
    """Windows until the oracle finds it."""
    rng = np.random.default_rng(seed)
    threshold = _threshold(change, rows, rng)
    amounts = np.concatenate([np.zeros(QUIET), change.amount(np.arange(float(PATIENCE)))])
    sums = np.zeros(REPLICATES)
    found = np.zeros((REPLICATES, amounts.size), dtype=np.bool_)
    for hour, amount in enumerate(amounts.tolist()):
        x = change.sample(rng, amount, rows * REPLICATES).reshape(REPLICATES, rows)
        sums = np.maximum(sums, 0.0) + change.ratio(x).sum(axis=1)
        found[:, hour] = sums > threshold
    return _first(found[:, QUIET:])


def _threshold(change: Change, rows: int, rng: np.random.Generator) -> float:
    windows = max(2_000_000 // rows, 20_000)
    chains = 200
    length = windows // chains
    sums, tops = np.zeros(chains), []
    for _ in range(length):
        x = change.sample(rng, 0.0, rows * chains).reshape(chains, rows)
        sums = np.maximum(sums, 0.0) + change.ratio(x).sum(axis=1)
        tops.append(np.where(sums > 0, sums, 0.0))
        sums = np.where(sums > _PROBE, 0.0, sums)
    passed = sum(int((top > _PROBE).sum()) for top in tops)
    per_window = max(passed, 1) / (length * chains)
    return _PROBE + max(np.log(per_window * FEATURES * 720), 0.0)


_PROBE = 3.0


def _first(found: NDArray[np.bool_]) -> Floats:
    """Number of the first window in which something was found, from 1."""
    return np.where(found.any(axis=1), found.argmax(axis=1) + 1.0, float(found.shape[1]))


CASES = tuple((change, rows) for change in CHANGES for rows in ROWS)
"""The rows of the table."""


def measure(case: int, seed: int) -> tuple[Floats, Floats]:
    """Windows until the change of one of `CASES` is found, by us and by the oracle."""
    return ours(*CASES[case], seed), oracle(*CASES[case], seed)


def allowed(best: float) -> float:
    """The longest delay that counts as good beside the oracle's."""
    return best + 1 if best <= 2 else 2 * best
