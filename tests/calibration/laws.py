"""Laws of one feature's values, as the probabilities of cells; sampled by multinomials, which is exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tidegauge.baseline.bounds import numeric_bounds
from tidegauge.baseline.features import MOST_CATEGORIES

Floats = NDArray[np.float64]

SAMPLE = 100_000
"""Rows from which a baseline chooses its bounds or categories."""


@dataclass(frozen=True)
class Law:
    """A law that can be moved and stretched.

    Attributes:
        bounds: between ordered cells; None for categories.
        shares: probabilities of the cells for each of some shifts and spreads, shape ``(T, K)``.
    """

    bounds: Floats | None
    shares: Callable[[Floats, Floats], Floats]


def continuous(
    sample: Callable[[np.random.Generator], Floats], cdf: Callable[[Floats], Floats], rng: np.random.Generator
) -> Law:
    """A law by its distribution function; point masses are steps of it."""
    bounds = numeric_bounds(sample(rng))

    def shares(shift: Floats, spread: Floats) -> Floats:
        at = cdf((bounds - shift[:, None]) / spread[:, None])
        return np.diff(at, prepend=0.0, append=1.0, axis=1)

    return Law(bounds, shares)


def normal(rng: np.random.Generator, season: float = 0.0) -> Law:
    """Standard normal around a daily season of some amplitude, which the bounds know of."""
    hours = 2 * np.pi * np.arange(SAMPLE) / 24
    return continuous(lambda g: g.normal(size=SAMPLE) + season * np.sin(hours), stats.norm.cdf, rng)


def heavy(rng: np.random.Generator) -> Law:
    """Student's t with two degrees of freedom: no variance."""
    return continuous(lambda g: g.standard_t(2, SAMPLE), lambda x: stats.t.cdf(x, 2), rng)


def zero_inflated(rng: np.random.Generator) -> Law:
    """Seven rows of ten are zero, the others lognormal."""

    def cdf(x: Floats) -> Floats:
        return np.where(x < 0, 0.0, 0.7 + 0.3 * stats.lognorm.cdf(np.maximum(x, 0), 1))

    return continuous(lambda g: np.where(g.random(SAMPLE) < 0.7, 0.0, g.lognormal(size=SAMPLE)), cdf, rng)


def integers(rng: np.random.Generator) -> Law:
    """Poisson counts with a mean of three."""
    return continuous(lambda g: g.poisson(3, SAMPLE).astype(np.float64), lambda x: stats.poisson.cdf(x, 3), rng)


def zipf(rng: np.random.Generator, categories: int) -> Law:
    """Categories with shares like 1 / rank; those with a count of their own are chosen on other rows."""
    shares = 1 / np.arange(1, categories + 1)
    shares /= shares.sum()
    training = rng.multinomial(SAMPLE, shares)
    own = np.argsort(-training, kind="stable")[:MOST_CATEGORIES]
    seen = training > 0
    is_open = seen.sum() - own.size > 1000
    rest = 1 - shares[own].sum()
    unseen = 0.0 if is_open else shares[~seen].sum()
    cells = np.array([*shares[own], max(rest - unseen, 0.0), unseen])
    return Law(None, lambda shift, spread: np.repeat(cells[None], shift.size, axis=0))
