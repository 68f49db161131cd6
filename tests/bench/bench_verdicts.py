"""What verdicts cost: from kept counts, beside SciPy's loops over the rows, in one run.

.venv/bin/python tests/bench/bench_verdicts.py
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from tests.calibration import laws
from tests.calibration.month import HOUR
from tidegauge.statistics.wobble import UNKNOWN, Excess, Wobble
from tidegauge_processor.verdicts.judge import judge
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, Window

REFERENCE_ROWS, ROWS = 100_000, 10_000
SOME = 50
"""Features that SciPy is timed on; its loops grow with the number of features."""
MEASURED = Wobble(
    ((1, 672),), tuple((1, m, Excess(1.05, 1e-4, 500.0)) for m in ("anderson_darling", "klotz", "g_test"))
)


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def verdicts(features: int, scales: tuple[int, ...], wobble: Wobble) -> float:
    rng = np.random.default_rng(1)
    law = laws.normal(rng)
    shares = law.shares(np.zeros(1), np.ones(1))[0]
    streams = [Stream("feature", f"f{number:04}") for number in range(features)]
    references = {
        stream: Reference(rng.multinomial(REFERENCE_ROWS, shares)[None], law.bounds, wobble=wobble)
        for stream in streams
    }
    windows = [
        Window(
            hour * HOUR,
            (hour + 1) * HOUR,
            dict(zip(streams, rng.multinomial(ROWS, shares, features), strict=True)),
            np.array([True]),
        )
        for hour in range(max(scales))
    ]
    judge(windows, references, Policy(scales=scales))  # fills the caches that live as long as a baseline
    return seconds(lambda: judge(windows, references, Policy(scales=scales)))


def main() -> None:
    rng = np.random.default_rng(2)
    rows = [(rng.normal(size=REFERENCE_ROWS), rng.normal(size=ROWS)) for _ in range(SOME)]
    times = 1_000 / SOME
    ks = times * seconds(lambda: [stats.ks_2samp(*pair, method="asymp") for pair in rows])
    wasserstein = times * seconds(lambda: [stats.wasserstein_distance(*pair) for pair in rows])
    print(f"SciPy on the rows of 1,000 features: KS {ks:.1f} s, Wasserstein {wasserstein:.1f} s (from {SOME})")
    for name, wobble in (("rows taken as independent", UNKNOWN), ("with wobble", MEASURED)):
        for scales in ((1,), (1, 3, 6, 12, 24, 48, 72)):
            for features in (100, 1_000):
                ours = verdicts(features, scales, wobble)
                ratios = f"{ks * features / 1_000 / ours:.0f} and {wasserstein * features / 1_000 / ours:.0f} times"
                print(
                    f"{features:5} features, {len(scales)} scales, {name}: {ours:.3f} s; SciPy takes {ratios} as long"
                )


if __name__ == "__main__":
    main()
