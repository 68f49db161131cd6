"""`make fuzz SEEDS=2000`: a stranger's mutated requests, seed by seed, beside honest models that must not notice."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import NamedTuple

from tests.fuzz.stage import Outcome, run, strange


class Found(NamedTuple):
    """What a seed showed.

    Attributes:
        seed: it leads to the same requests each time.
        wrong: what went wrong; empty when nothing did.
        seconds: how long it took.
    """

    seed: int
    wrong: str
    seconds: float


def attempt(seed: int, expected: Outcome) -> Found:
    """Run one seed; ``expected`` is what is said without a stranger."""
    logging.disable(logging.CRITICAL)  # a stranger's requests are refused by the thousand
    chance, began = Random(seed), time.perf_counter()
    try:
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # numbers that no arithmetic can hold
            found = run(strange(chance), chance)
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    else:
        wrong = "" if found.said == expected.said else "the honest models' signals are others"
        if found.failures:
            wrong = f"{wrong} faults: {found.failures}".strip()
    return Found(seed, wrong, time.perf_counter() - began)


def main() -> int:
    """Run as many seeds as asked for; the exit code is 1 when one of them found something."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    options = parser.parse_args()
    began, expected = time.perf_counter(), run()
    assert expected.said
    assert not expected.failures
    seeds = range(options.first, options.first + options.seeds)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(attempt, seeds, [expected] * len(seeds), chunksize=8))
    wrong = [each for each in found if each.wrong]
    for each in wrong:
        print(f"seed {each.seed}: {each.wrong}")
    slowest = max(found, key=lambda each: each.seconds)
    print(
        f"{len(found):,} seeds in {time.perf_counter() - began:.0f} s, {len(wrong)} of them wrong; "
        f"the slowest, {slowest.seed}, took {slowest.seconds:.1f} s; {len(expected.said):,} signals compared each time"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
