"""One simulated month of one model: a baseline from reference hours, then 720 windows, judged as the processor does.

Alarms are found for all windows at once, by the same functions and at the same levels as `judge`; only around an alarm
is every verdict made and told to the incident log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.calibration.laws import Law
from tidegauge.statistics.blocks import measure
from tidegauge.statistics.wobble import FEWEST_BLOCKS
from tidegauge_processor.verdicts import budget
from tidegauge_processor.verdicts.comparisons import HOUR, compare
from tidegauge_processor.verdicts.evidence import gather
from tidegauge_processor.verdicts.incidents import IncidentLog
from tidegauge_processor.verdicts.judge import judge
from tidegauge_processor.verdicts.moderation import moderate
from tidegauge_processor.verdicts.quadratic import Quadratic
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, Window

Floats = NDArray[np.float64]

WINDOWS = 720
DAY = 24
BATCH = 24


@dataclass(frozen=True)
class World:
    """What is true.

    Attributes:
        rows: rows of a window.
        reference_rows: rows of an hour of the reference.
        reference_hours: its length.
        season: amplitude of a daily season of the mean, in standard deviations.
        wobble: standard deviation of an AR(1) process that moves the mean, in standard deviations.
        memory: correlation of that process from hour to hour.
    """

    rows: int
    reference_rows: int
    reference_hours: int = 28 * DAY
    season: float = 0.0
    wobble: float = 0.0
    memory: float = 0.9

    def shifts(self, rng: np.random.Generator, hours: int) -> Floats:
        """How far the mean is moved in each hour, shape ``(hours,)``."""
        shift = self.season * np.sin(2 * np.pi * np.arange(hours) / DAY)
        if self.wobble:
            steps = rng.normal(size=hours) * self.wobble
            steps[1:] *= np.sqrt(1 - self.memory**2)
            path = np.empty(hours)
            path[0] = steps[0]
            for hour in range(1, hours):
                path[hour] = self.memory * path[hour - 1] + steps[hour]
            shift = shift + path
        return shift


def reference(rng: np.random.Generator, law: Law, world: World) -> Reference:
    """A baseline's reference of one feature, with its wobble."""
    hours = np.arange(world.reference_hours)
    shift = world.shifts(rng, hours.size)
    counts = rng.multinomial(world.reference_rows, law.shares(shift, np.ones(hours.size)))
    slots = DAY if world.season else 1
    slot = hours % slots
    by_slot = np.zeros((slots, counts.shape[1]), dtype=np.int64)
    np.add.at(by_slot, slot, counts)
    wobble = measure(hours, counts, slot.astype(np.intp), slots, ordered=law.bounds is not None)
    return Reference(by_slot, law.bounds, wobble=wobble)


def model(rng: np.random.Generator, law: Law, world: World, features: int) -> list[Reference]:
    """References of the features of a model, as a baseline's are used."""
    own = {Stream("feature", f"f{place:04d}"): reference(rng, law, world) for place in range(features)}
    return list(moderate(own).values())


def production(rng: np.random.Generator, law: Law, world: World, windows: int) -> NDArray[np.int64]:
    """Counts of windows in which nothing has changed, shape ``(windows, K)``."""
    return rng.multinomial(world.rows, law.shares(world.shifts(rng, windows), np.ones(windows)))


def incidents(
    references: Sequence[Reference], counts: NDArray[np.int64], policy: Policy
) -> list[tuple[int, list[str]]]:
    """Incidents of a model: the window that opened each, and the streams that alarmed.

    Args:
        references: of ``n`` features of one shape.
        counts: their windows, shape ``(n, T, K)``.
        policy: budget and scales.
    """
    streams = [Stream("feature", f"f{place:03d}") for place in range(len(references))]
    by_stream = dict(zip(streams, references, strict=True))
    slots = slots_of(counts.shape[1], references[0].counts.shape[0])
    loud = alarmed(references, counts, policy, levels_of(references[0], len(references), policy)).any(axis=0)
    log = IncidentLog()
    opened: list[tuple[int, list[str]]] = []
    for window, is_loud in enumerate(loud.tolist()):
        if not is_loud and log.open is None:
            continue
        history = [
            Window(at * HOUR, (at + 1) * HOUR, dict(zip(streams, counts[:, at], strict=True)), slots[at])
            for at in range(max(0, window + 1 - max(policy.scales)), window + 1)
        ]
        verdicts = judge(history, by_stream, policy)
        alarming = [verdict.stream.name for verdict in verdicts if verdict.state.alarming]
        if bool(alarming) != is_loud:
            raise AssertionError("windows judged at once and one by one differ")
        changes = log.update(verdicts, history[-1], policy)
        opened += [(window, alarming) for change in changes if change.kind == "opened"]
    return opened


def alarmed(
    references: Sequence[Reference], counts: NDArray[np.int64], policy: Policy, levels: Floats
) -> NDArray[np.bool_]:
    """Whether each stream alarms in each window at any scale: shape ``(n, T)``.

    Args:
        references: of ``n`` streams of one shape.
        counts: their windows, shape ``(n, T, K)``.
        policy: scales.
        levels: of each stream, by scale.
    """
    slots = slots_of(counts.shape[1], references[0].counts.shape[0])
    found = [_alarms(references, counts, slots, policy, levels, first) for first in range(0, counts.shape[1], BATCH)]
    return np.concatenate(found, axis=1)


def slots_of(windows: int, slots: int) -> NDArray[np.bool_]:
    """The one season slot of each window, shape ``(windows, slots)``."""
    return np.arange(windows)[:, None] % slots == np.arange(slots)


def levels_of(reference: Reference, features: int, policy: Policy) -> Floats:
    """Levels of each of so many features with references of one shape, by scale."""
    streams = {Stream("feature", str(place)): reference for place in range(features)}
    return budget.levels(streams, policy)[Stream("feature", "0")]


def _alarms(
    references: Sequence[Reference],
    counts: NDArray[np.int64],
    slots: NDArray[np.bool_],
    policy: Policy,
    levels: Floats,
    first: int,
) -> NDArray[np.bool_]:
    """Alarms of a batch of windows that begins with ``first``: shape ``(n, windows)``."""
    last = min(first + BATCH, counts.shape[1])
    start = max(0, first + 1 - max(policy.scales))
    compared = compare(counts[:, start:last], references, slots[start:last], policy.scales, HOUR, ends=last - first)
    wanted = np.tile(levels, compared.rows.size // levels.size)
    (found,) = gather([compared], Quadratic([compared]) if compared.ordered else None, exact_below=[wanted])
    shape = len(references), last - first, len(policy.scales)
    ready = np.arange(first, last)[:, None] + 1 >= np.array(policy.scales)
    known = (compared.blocks >= FEWEST_BLOCKS).reshape(shape)
    return ((found.smallest <= wanted).reshape(shape) & ready & known).any(axis=2)
