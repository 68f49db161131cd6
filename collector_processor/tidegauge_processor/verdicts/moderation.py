"""What the streams of a model teach about each other's wobble.

A few weeks of reference hold nine stretches of three days: too few to know how far one feature's stretches differ, and
a verdict that allows for all that nine stretches leave open finds little. But a model has many features. The ratios
that they show are spread by chance, by a known amount, and by true differences. How large those are is estimated from
the spread of their logarithms, and so is where the bulk of them lies: the law of the true ratios is a scaled inverse
chi-square with ``d0`` degrees of freedom around ``s0``. What is then known of one stream with ``d`` of its own is

    ratio = (d0 s0 + d own) / (d0 + d)                with          d0 + d  degrees of freedom.

Streams that truly differ have a small ``d0`` and keep to themselves; streams that do not learn all from each other: as
much as they know together, and no more, so ``d0`` is at most the sum of all ``d``. The spread is taken one standard
error larger than estimated, for it is itself only estimated.

Source: G. K. Smyth (2004), Linear models and empirical Bayes methods for assessing differential expression in
microarray experiments, Statistical Applications in Genetics and Molecular Biology 3(1), article 3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy import optimize, special

from tidegauge.statistics.wobble import Excess, Wobble
from tidegauge_processor.verdicts.types import Reference, Stream

FEWEST_STREAMS: Final = 8
"""Fewer say too little about each other."""

_MOST_DEGREES: Final = 1e5

_Place = tuple[int, str]


def moderate(references: Mapping[Stream, Reference]) -> dict[Stream, Reference]:
    """References whose wobble has learned from that of the others of their kind.

    Streams are of a kind when they have the same target and both have ordered cells or not.
    """
    kinds: dict[tuple[str, bool], list[Stream]] = defaultdict(list)
    for stream, reference in references.items():
        kinds[stream.target, reference.bounds is not None].append(stream)
    found = dict(references)
    for streams in kinds.values():
        for stream, wobble in zip(streams, _moderated([references[s].wobble for s in streams]), strict=True):
            found[stream] = replace(references[stream], wobble=wobble)
    return found


def _moderated(wobbles: Sequence[Wobble]) -> list[Wobble]:
    rows: dict[_Place, list[int]] = defaultdict(list)
    for number, wobble in enumerate(wobbles):
        for length, method, _ in wobble.excess:
            rows[length, method].append(number)
    learned: list[dict[_Place, Excess]] = [{} for _ in wobbles]
    for (length, method), numbers in rows.items():
        own = [wobbles[number].found(length)[method] for number in numbers]
        for number, excess in zip(numbers, learn(own), strict=True):
            learned[number][length, method] = excess
    return [
        Wobble(wobble.blocks, tuple((*place, excess) for place, excess in found.items()))
        for wobble, found in zip(wobbles, learned, strict=True)
    ]


def learn(own: Sequence[Excess]) -> list[Excess]:
    """What is known of each stream when all are known.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> alike = [Excess(ratio, 0.01, 9.0) for ratio in rng.chisquare(9, 50) / 9]
        >>> found = learn(alike)
        >>> [round(float(np.std([excess.ratio for excess in known])), 2) for known in (alike, found)]
        [0.37, 0.03]
        >>> found[0].degrees > 50
        True
    """
    ratio, degrees = (np.array([excess[field] for excess in own]) for field in (0, 2))
    positive = ratio > 0
    if positive.sum() < FEWEST_STREAMS:
        return list(own)
    half = degrees[positive] / 2
    logs = np.log(ratio[positive]) - special.digamma(half) + np.log(half)
    chance = float(special.polygamma(1, half).mean())
    spread = float(logs.var(ddof=1)) - chance + np.sqrt(2 / (logs.size - 1)) * chance
    prior = min(_degrees_of(spread), float(degrees.sum()))
    centre = float(np.exp(logs.mean() + special.digamma(prior / 2) - np.log(prior / 2)))
    return [
        Excess(
            (prior * centre + excess.degrees * excess.ratio) / (prior + excess.degrees),
            excess.per_row,
            prior + excess.degrees,
        )
        for excess in own
    ]


def _degrees_of(spread: float) -> float:
    """Degrees of freedom of a chi-square whose logarithm has this variance."""

    def excess(half: float) -> float:
        return float(special.polygamma(1, half)) - spread

    most = _MOST_DEGREES / 2
    return 2 * most if spread <= 0 or excess(most) > 0 else 2 * float(optimize.brentq(excess, 1e-6, most))
