"""Outcomes that know only a key of the application's own meet their predictions here, whichever of the two comes first.

A key belongs to a model's name: versions that predict side by side share it, and an outcome that names no version is
that of all of them. Both halves stay until they expire or have to make room, so what meets does not depend on the
order of arrival. Of several outcomes under a key the latest counts. A key names one prediction of a version: a second,
different one is refused and counted, since an outcome could not tell the two apart.

Entries live in the store. What has changed since the last checkpoint is kept here, and goes into the same transaction
as the windows, so that a crash finds both at the same position of the inbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from tidegauge import semconv
from tidegauge.columns import category
from tidegauge.score_codes import ScoreCodes
from tidegauge_processor.counter import Counter
from tidegauge_processor.performance.outcomes import Made, Outcome, Said
from tidegauge_processor.records import ModelKey

ANY_VERSION: Final = ""
_TRUTH: Final = ("true", "false")

Met = list[tuple[ModelKey, Outcome]]


_MOST_MODELS: Final = 10_000
"""Models whose keys expire by their own time: those of which keys came last."""


class Limits(NamedTuple):
    """Bounds of the join.

    Attributes:
        expiration: how long a key is kept after its latest prediction or outcome, ns.
        most: keys at the most; those that came first make room.
    """

    expiration: int
    most: int


class Change(NamedTuple):
    """A key to be written: new or not, its model, time of its latest half, outcomes that wait, all of it as bytes."""

    key: bytes
    is_new: bool
    model: str
    touched: int
    waiting: int
    data: bytes


class Changes(NamedTuple):
    """What a checkpoint does to the join: keys to write, times up to which keys expire by model, keys at the most."""

    entries: list[Change]
    expired: Mapping[str, int]
    most: int


@dataclass(slots=True)
class _Entry:
    """One key: predictions by version, outcomes by version, each outcome with whether it met one."""

    model: str
    is_new: bool
    touched: int = 0
    made: dict[str, list[Any]] = field(default_factory=dict)
    said: dict[str, list[Any]] = field(default_factory=dict)


class Join:
    """Joins outcomes with predictions by key.

    Args:
        limits: how many keys are kept, and for how long.
        find: gives the bytes of a key from the store; None when it is not there.
        latest: time of the latest half by model, as the store has it, ns since the epoch.
        counter: counts outcomes that met their prediction.
        refuse: takes a key whose bytes cannot be read, and what is wrong with them.

    Example:
        >>> from tidegauge_processor.counter import UNCOUNTED
        >>> join = Join(Limits(10**9, 100), lambda key: None, {}, UNCOUNTED)
        >>> join.add_outcome(ModelKey("churn", ""), Said("order-17", 60, 1.0), 99)
        ([], None)
        >>> met, fate = join.add_prediction(ModelKey("churn", "3"), Made("order-17", 5, "1", 0.8, None, ()), 99)
        >>> met[0][0], met[0][1].actual, fate
        (ModelKey(model='churn', version='3'), '1', 'new')
    """

    def __init__(
        self,
        limits: Limits,
        find: Callable[[bytes], bytes | None],
        latest: Mapping[str, int],
        counter: Counter,
        refuse: Callable[[bytes, str], None] = lambda key, why: None,
    ) -> None:
        self._limits = limits
        self._find = find
        self._latest = dict(latest)
        self._counter = counter
        self._refuse = refuse
        self._changed: dict[bytes, _Entry] = {}

    def add_prediction(self, key: ModelKey, made: Made, now: int) -> tuple[Met, str | None]:
        """Take up a prediction: outcomes that have waited for it, and what became of the prediction."""
        place, time = _place(key.model, made.id), min(made.at, now)
        if self._is_past(key.model, time):
            return [], "expired"
        entry = self._entry(place, key.model)
        plain = _plain(made)
        known = entry.made.get(key.version)
        if known is not None:
            return [], "duplicate" if known == plain else "prediction_id_reused"
        entry.made[key.version] = plain
        self._touch(place, entry, time)
        slots = [slot for slot in {ANY_VERSION: 0, key.version: 0} if slot in entry.said]
        return [(key, self._meet(entry, slot, key.version, made.id)) for slot in slots], "new"

    def add_outcome(self, key: ModelKey, said: Said, now: int) -> tuple[Met, str | None]:
        """Take up an outcome: the predictions that it met; or what became of it when it met none.

        There is nothing to be told yet (None) of an outcome that begins to wait.
        """
        place, time = _place(key.model, said.id), min(said.recorded_at, now)
        if self._is_past(key.model, time):
            return [], "expired"
        entry = self._entry(place, key.model)
        known = entry.said.get(key.version)
        if known is not None and _order(said.recorded_at, said.actual) <= _order(*known[:2]):
            return [], "duplicate" if known[1] == said.actual else "stale"
        entry.said[key.version] = [said.recorded_at, said.actual, known is not None and known[2]]
        self._touch(place, entry, time)
        versions = list(entry.made) if key.version == ANY_VERSION else [v for v in entry.made if v == key.version]
        if versions or known is None:
            return [
                (ModelKey(key.model, version), self._meet(entry, key.version, version, said.id)) for version in versions
            ], None
        return [], "duplicate" if known[1] == said.actual else "revised"

    def changes(self) -> Changes:
        """What the store does not have yet, and what it may forget."""
        entries = [
            Change(
                place,
                entry.is_new,
                entry.model,
                entry.touched,
                sum(not met for _, _, met in entry.said.values()),
                json.dumps([entry.touched, entry.made, entry.said], separators=(",", ":")).encode(),
            )
            for place, entry in self._changed.items()
        ]
        expired = {model: latest - self._limits.expiration for model, latest in self._latest.items()}
        return Changes(entries, expired, self._limits.most)

    def saved(self) -> None:
        """Say that the `changes` are durable."""
        self._changed.clear()

    def _meet(self, entry: _Entry, slot: str, version: str, id: str) -> Outcome:
        recorded, actual, met = entry.said[slot]
        made = _made(id, entry.made[version])
        if not met:
            entry.said[slot][2] = True
            self._counter.add(semconv.METRIC_JOIN_HITS)
        return made.outcome(recorded, _fitting(actual, made.klass))

    def _entry(self, place: bytes, model: str) -> _Entry:
        changed = self._changed.get(place)
        if changed is not None:
            return changed
        stored = self._find(place)
        if stored is None:
            return _Entry(model, True)
        try:
            touched, made, said = json.loads(stored)
            if self._is_past(model, touched):  # the store forgets it at the next checkpoint only
                return _Entry(model, False)
            return _Entry(model, False, touched, dict(made), dict(said))
        except (ValueError, TypeError) as error:
            self._refuse(place, f"it cannot be read: {error}")
            return _Entry(model, True)

    def _touch(self, place: bytes, entry: _Entry, time: int) -> None:
        entry.touched = max(entry.touched, time)
        self._latest[entry.model] = max(self._latest.pop(entry.model, 0), time)
        if len(self._latest) > _MOST_MODELS:  # the keys of the others go when there is no more room for them
            del self._latest[next(iter(self._latest))]
        self._changed[place] = entry

    def _is_past(self, model: str, time: int) -> bool:
        return time <= self._latest.get(model, 0) - self._limits.expiration


def _plain(made: Made) -> list[Any]:
    """A prediction but for its key, for JSON; scores of every class stand at the end, where there are any."""
    every = [] if made.class_scores is None else [made.class_scores.class_set, made.class_scores.codes.hex()]
    segments = [list(pair) for pair in made.segments]
    return [made.at, made.klass, made.score, made.value, segments, made.ranked, *every]


def _made(id: str, plain: list[Any]) -> Made:
    at, klass, score, value, segments, ranked, *every = plain
    class_scores = ScoreCodes(every[0], bytes.fromhex(every[1])) if every else None
    return Made(id, at, klass, score, value, tuple((name, slice) for name, slice in segments), ranked, class_scores)


def _place(model: str, id: str) -> bytes:
    text = json.dumps([model, id])  # ids may be long, and may be personal: only this digest is stored
    return blake2b(text.encode(), digest_size=16).digest()


def _order(recorded: int, actual: str | float) -> tuple[int, bool, float, str]:
    """Later outcomes come after earlier ones; at the same instant, texts after numbers."""
    return (recorded, True, 0.0, actual) if isinstance(actual, str) else (recorded, False, actual, "")


def _fitting(actual: str | float, klass: str | None) -> str | float:
    """The true class where a class was predicted: who knows only a key may say 1 for ``"1"`` or for ``"true"``."""
    if klass is None or isinstance(actual, str):
        return actual
    return category(bool(actual) if klass in _TRUTH and actual in (0, 1) else actual) or ""
