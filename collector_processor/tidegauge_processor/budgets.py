"""What the budget of false alarms comes to for the models of a configuration, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tidegauge_processor.baselines import Baselines
from tidegauge_processor.comparison import (
    FEATURE,
    JOINT,
    PREDICTION,
    QUALITY,
    SCORE,
    VIOLATIONS_OF_NUMBERS,
    references,
)
from tidegauge_processor.config import Config
from tidegauge_processor.policies import policy_of
from tidegauge_processor.verdicts.budget import FAIRNESS, LABELS, STREAMS, spending
from tidegauge_processor.verdicts.types import Policy, Reference, Stream

_EXAMPLE = 50


def describe_budget(config: Config) -> Iterator[str]:
    """Say what each model with a baseline in the folder may spend on what; without one, an example.

    Raises:
        BaselineError: the folder or a file in it cannot be read.
    """
    known = Baselines.read(Path(config.baselines), {}, config.limits) if config.baselines else Baselines()
    for baseline in known.values():
        yield from _lines(
            f"{baseline.model} {baseline.version}", references(baseline), policy_of(config, baseline.model)
        )
    if not known:
        name = f"for example a binary model with {_EXAMPLE} numeric features"
        yield from _lines(name, _example(), policy_of(config, ""))
    yield "versions of a model that are compared with each other share its budget in equal parts"


def _example() -> dict[Stream, Reference]:
    """All that is watched of a binary model with numeric features, scores and joint drift."""
    numbers = Reference(np.ones((1, 3), dtype=np.int64), np.array([0.0, 1.0]))
    two = Reference(np.ones((1, 2), dtype=np.int64))
    found = {Stream(PREDICTION, ""): two, Stream(SCORE, ""): numbers, Stream(JOINT, ""): numbers}
    for number in range(_EXAMPLE):
        found[Stream(FEATURE, str(number))] = numbers
        found |= {Stream(QUALITY, str(number), kind): two for kind in VIOLATIONS_OF_NUMBERS}
    return found


def _lines(name: str, streams: Mapping[Stream, Reference], policy: Policy) -> Iterator[str]:
    month = policy.false_incidents_per_month
    yield (
        f"budget of {name}: {month:g} false incidents a month, {policy.windows_per_month:g} windows, "
        f"{len(policy.scales)} scales"
    )
    for share in spending(streams, policy):
        tests = f"{share.streams} streams, {share.comparisons:,.0f} tests a month: level {share.level:.2g}"
        yield f"  {share.family:<12} {share.budget:.3g} on {tests}"
    yield f"  {'labels':<12} {month * LABELS:.3g} on performance, once there are labels"
    halves = "half on how often they are selected, half on errors, once there are labels"
    yield f"  {'fairness':<12} {month * FAIRNESS:.3g} on groups: {halves}"
    kept = 1 - STREAMS - LABELS - FAIRNESS
    yield f"  {'kept back':<12} {month * kept:.3g} because tails and wobble are only estimated"
