"""False incidents when nothing has changed: the promise of the budget, null by null."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from tests.calibration import laws
from tests.calibration.fitted import FittedNull, categories, rare_values, zeta, zipf
from tests.calibration.month import WINDOWS, World, incidents, model, production
from tidegauge_processor.verdicts.types import Policy


@dataclass(frozen=True)
class Null:
    """Months of a model in which nothing changes.

    Attributes:
        name: what kind of data.
        law: of every feature.
        world: rows, season and wobble.
        features: of the model.
        months: how many are simulated.
    """

    name: str
    law: Callable[[np.random.Generator], laws.Law]
    world: World
    features: int = 50
    months: int = 8

    def incidents(self, seed: int) -> int:
        """False incidents of one month."""
        rng = np.random.default_rng(seed)
        law = self.law(rng)
        references = model(rng, law, self.world, self.features)
        counts = np.stack([production(rng, law, self.world, WINDOWS) for _ in references])
        return len(incidents(references, counts, Policy()))


def _nulls() -> Iterator[Null | FittedNull]:
    for rows in (20, 50, 200, 1_000, 10_000):
        yield Null(f"independent rows, {rows:,} a window", laws.normal, World(rows, rows))
    for name, law in (
        ("heavy tail (t with 2 degrees)", laws.heavy),
        ("zero-inflated", laws.zero_inflated),
        ("integer counts", laws.integers),
        ("Zipf, 50 categories", partial(laws.zipf, categories=50)),
        ("Zipf, 100,000 categories", partial(laws.zipf, categories=100_000)),
    ):
        yield Null(f"{name}, 200 rows", law, World(200, 200))
    seasonal = partial(laws.normal, season=0.5)
    yield Null("daily season 0.5 sd, 200 rows", seasonal, World(200, 200, season=0.5))
    for wobble in (0.05, 0.1):
        for rows, traffic in ((200, "the reference's traffic"), (20, "a tenth of it"), (2_000, "ten times it")):
            yield Null(
                f"season and wobble {wobble} sd, {traffic}", seasonal, World(rows, 200, season=0.5, wobble=wobble)
            )
    yield Null("independent rows, 200 a window, 500 features", laws.normal, World(200, 200), features=500, months=4)
    yield FittedNull("rare values: 20 flags and amounts, .0002 to .01 not zero, 200 rows", rare_values(), 200)
    own = "chosen from the reference itself"
    yield FittedNull(f"zeta 1.7 categories, {own}, 100 rows", categories(zeta, 10), 100)
    yield FittedNull(f"Zipf 1.1 of 3,000 categories, {own} (5 rows), 5 rows", categories(zipf, 10), 5)
    yield FittedNull(f"Zipf 1.1 of 3,000 categories, {own} (5 rows), 200 rows", categories(zipf, 10), 5, growth=40)


NULLS = tuple(_nulls())


def simulate(place: int, seed: int) -> int:
    """False incidents of one month of one of `NULLS`."""
    return NULLS[place].incidents(seed)


def rate(incidents: int, months: int) -> tuple[float, float, float]:
    """Incidents a month, with the exact 95 % interval of a Poisson mean (Garwood)."""
    low = stats.chi2.ppf(0.025, 2 * incidents) / 2 if incidents else 0.0
    return incidents / months, float(low) / months, float(stats.chi2.ppf(0.975, 2 * incidents + 2)) / 2 / months
