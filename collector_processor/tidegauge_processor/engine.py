"""Takes decoded requests in order, keeps the state of every model version, and says what is ripe to be said.

No clock, no store, no network: time and the order of requests come from the caller, state leaves as bytes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

from tidegauge import semconv
from tidegauge.summaries import OTHER
from tidegauge_processor import late, windowing
from tidegauge_processor.ahead import WINDOWS_AHEAD, hold_back, make_room_ahead
from tidegauge_processor.apart import apart
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.closer import Closer
from tidegauge_processor.config.sections import Limits
from tidegauge_processor.counter import Counter
from tidegauge_processor.fates import Fates
from tidegauge_processor.hearing import hear
from tidegauge_processor.joining import Joining
from tidegauge_processor.labels import LabelJudge
from tidegauge_processor.parts import PREFIX
from tidegauge_processor.performance.outcomes import Outcome
from tidegauge_processor.publishing import Publishing
from tidegauge_processor.records import Decoded, ModelKey, Payload
from tidegauge_processor.room import Doorkeeper
from tidegauge_processor.selections import SelectionJudge
from tidegauge_processor.signals import Signal, Standing
from tidegauge_processor.silence import Silence
from tidegauge_processor.state.declared import Declared
from tidegauge_processor.state.join import Changes, Join
from tidegauge_processor.state.learning import NOTHING_LEARNED, LearningRule
from tidegauge_processor.state.loading import check_lengths, load_models, unreadable
from tidegauge_processor.state.models import ModelState, Timing
from tidegauge_processor.state.roster import Roster
from tidegauge_processor.verdicts.types import Policy
from tidegauge_processor.versions import VersionRule

_LENGTHS: Final = "lengths"
"""Keys of what belongs to no model; those of models are JSON lists."""

_LIMITS: Final = Limits()
_log = logging.getLogger(__name__)


class Engine:
    """All model versions of one processor.

    Args:
        timing: lengths of windows, cohorts and waits.
        baselines: known baselines; published ones are added.
        policy: thresholds and budget by name of the model.
        most_streams: streams of one window at the most.
        counter: counts what becomes of every item.
        units: state from an earlier run.
        join: brings outcomes by prediction id together with their predictions; None: they are dropped and counted.
        learning: when a baseline is learned for a model that has none.
        versions: how the versions of a model are compared, by name of the model.
        limits: how much one sender may ask for.

    Raises:
        ConfigurationError: the state was made with windows or cohorts of another length.

    Attributes:
        unreadable: what is wrong with the units that could not be read, by their keys; the rest goes on without them.
    """

    def __init__(
        self,
        timing: Timing,
        baselines: Baselines,
        policy: Callable[[str], Policy],
        most_streams: int,
        counter: Counter,
        units: Mapping[str, bytes],
        join: Join | None = None,
        learning: LearningRule = NOTHING_LEARNED,
        versions: Callable[[str], VersionRule] = lambda model: VersionRule(),
        limits: Limits = _LIMITS,
    ) -> None:
        self._timing = timing
        self._baselines = baselines
        self._policy = policy
        self._most_streams = most_streams
        self._counter = counter
        self._fates = Fates(counter)
        self._join = join
        self._joining = Joining(join, self._fates)
        units = dict(units)
        parts = {name: units.pop(name) for name in [*units] if name.startswith(PREFIX)}
        self._lengths = json.dumps([timing.window, timing.cohort]).encode()
        stored = units.pop(_LENGTHS, None)
        self._new_lengths = stored != self._lengths
        models, self.unreadable = load_models(units)
        self.unreadable |= baselines.parts.load(parts)
        try:
            check_lengths(stored or self._lengths, self._lengths)
        except (ValueError, TypeError) as error:
            self.unreadable[_LENGTHS] = unreadable(error)
        self._models = Roster(models)
        self._limits = limits
        self._publishing = Publishing(baselines, self._models, self._fates)
        self._doorkeeper = Doorkeeper(self._models, limits, self._heard, timing.idle)
        self._last_seen = max((state.memory.last_seen for state in self._models.values()), default=0)
        self._gone: set[str] = set()
        self._last_points: dict[ModelKey, int] = {}
        self._last_outcome: dict[ModelKey, int] = {}
        self._closer = Closer(self._models, timing, baselines, policy, learning, versions, counter)
        self._silence = Silence(self._models, timing)
        self._selections = SelectionJudge(timing, baselines, policy, counter)
        self._labels = LabelJudge(timing, baselines, policy, counter)

    def apply(self, decoded: Decoded, now: int) -> dict[str, bytes | None]:
        """Take up one request.

        Args:
            decoded: what it holds.
            now: the clock on the wall, ns since the epoch.

        Returns:
            Baselines that have become complete, as bytes by id, for the store; None for one that had to go.
        """
        for model, number in hold_back(decoded, now).items():
            self._counter.add(semconv.METRIC_PROCESSOR_AHEAD, number, model=model)
        found = self._publishing.take(decoded.baselines, now)
        for (key, start), payload in decoded.payloads.items():
            if self._has_room(key, len(payload.points) + len(payload.spans), now):
                with self._apart("points of %s %s could not be counted in full", *key):
                    self._add_payload(key, start, payload, now)
        for key, outcomes in decoded.outcomes.items():
            with self._apart("outcomes of %s %s could not be taken in full", *key):
                self._add_outcomes(key, outcomes, now)
        with self._apart("outcomes could not be joined in full"):
            for key, outcomes in self._joining.take(decoded, now).items():
                self._add_outcomes(key, outcomes, now)
        for key, task in decoded.tasks.items():
            if self._has_room(key, 0, now):
                state = self._models.of(key)
                state.memory.last_seen = state.memory.last_seen or now  # a model that is known by its task alone stays
                state.learn_task(task)
        if decoded.ignored:
            self._counter.add(semconv.METRIC_PROCESSOR_IGNORED, decoded.ignored)
        return found

    def advance(self, now: int) -> list[Signal]:
        """Close what is ripe at ``now`` (ns since the epoch) and return what there is to say, in order of time."""
        said = [*self._closer.close(now, self._last_points)]
        said += self._silence.end(now, self._last_points, self._last_outcome)
        for key, state in self._models.items():
            with apart(self._counter, "cohort", "cohorts of %s %s could not be judged in full", *key):
                said += self._judge_cohorts(key, state, now)
        self._publishing.give_up(now)
        oldest = now - self._timing.retention  # nobody can say anything more about those that have no data since
        self._forget([key for key, state in self._models.items() if state.memory.last_seen < oldest])
        return said

    def standing(self, oldest: int) -> Iterator[Standing]:
        """What holds at present, of the models that had data at ``oldest`` (ns since the epoch) or later."""
        for state in self._models.values():
            if state.memory.last_seen >= oldest:
                yield from state.memory.standing

    def leave_unsaid(self, signals: Iterable[Standing]) -> None:
        """Forget standing ``signals`` that cannot be said, so that the next ones can."""
        for signal in signals:
            state = self._models.get(ModelKey(signal.subject.model, signal.subject.version))
            if state is not None:
                state.memory.leave_unsaid([signal])
                state.touch()

    def dirty(self) -> dict[str, bytes | None]:
        """State that has changed since it was last `saved`, by key; None for what is gone."""
        found: dict[str, bytes | None] = dict.fromkeys(self._gone)
        for key, state in [*self._models.items()]:
            parts = None
            with apart(self._counter, "state", "the state of %s %s cannot be written: it begins anew", *key):
                parts = dict(state.dirty())
            if parts is None:
                new = self._models[key] = state.anew()
                self._gone |= state.units()
                parts = {**dict.fromkeys(state.units()), **dict(new.dirty())}
            found.update(parts)
        found.update(self._baselines.parts.dirty())
        if self._new_lengths:
            found[_LENGTHS] = self._lengths
        return found

    def joined(self) -> Changes | None:
        """What the join has for the store; None without a join."""
        return self._join.changes() if self._join else None

    def saved(self) -> None:
        """Say that all that was `dirty` or `joined` is durable."""
        if self._join:
            self._join.saved()
        self._baselines.parts.saved()
        self._new_lengths = False
        self._gone.clear()
        for state in self._models.values():
            state.saved()

    def wake(self, now: int) -> None:
        """Begin to measure silence at ``now``: a restart is no silence of the models, nor of their writers."""
        if self._models:
            self._closer.holds.wake(self._last_seen, now)
        for state in self._models.values():
            state.memory.writers.wake(self._last_seen, now, self._timing.idle)
            # A model whose memory was lost is not forgotten for that.
            state.memory.last_seen = state.memory.last_seen or now
        self._last_points = dict.fromkeys(self._models, now)
        self._last_outcome = dict.fromkeys(self._models, now)

    def touch_all(self) -> None:
        """Say that the store may have lost anything: all that is in memory counts as changed."""
        self._new_lengths = True
        self._baselines.parts.touch_all()
        for state in self._models.values():
            state.touch_all()

    def _apart(self, what: str, *names: object) -> AbstractContextManager[None]:
        return apart(self._counter, "request", what, *names)

    def _has_room(self, key: ModelKey, items: int, now: int) -> bool:
        room = self._doorkeeper.room_for(key, now)
        self._forget(room.leaving)
        if room.refused:
            self._fates.count(room.refused, items, key.model if self._models.versions(key.model) else OTHER)
        return not room.refused

    def _heard(self, key: ModelKey) -> int:
        """When a model version was last heard of, or the processor began to listen; ns since the epoch."""
        return max(self._last_points.get(key, 0), self._last_outcome.get(key, 0), self._models[key].memory.last_seen)

    def _forget(self, keys: Iterable[ModelKey]) -> None:
        for key in keys:
            self._gone.update(self._models[key].units())
            del self._models[key]
            self._last_points.pop(key, None)
            self._last_outcome.pop(key, None)
            self._closer.holds.forget(key)
            self._selections.forget(key)
            self._labels.forget(key)

    def _add_payload(self, key: ModelKey, start: int, payload: Payload, now: int) -> None:
        state, baselines, model = self._models.of(key), self._baselines, key.model
        self._closer.holds.heard(key, self._last_points.get(key, now), now)
        self._last_points[key] = state.memory.last_seen = now
        payload, last_words, missing = hear(state, payload, self._timing, now)
        self._fates.count("new", last_words)
        self._fates.count("missing", missing, model)
        if not (payload.points or payload.spans):
            return
        has_room, gone = make_room_ahead(state, start, now, self._limits.windows_ahead)
        self._fates.count(WINDOWS_AHEAD, gone if has_room else len(payload.points) + len(payload.spans), model)
        if not has_room:
            return
        declared = Declared(baselines, baselines.get(state.memory.learned))
        if windowing.late(start, state.memory.closed_until):
            reach = max(self._policy(key.model).scales)
            fates = late.take_late(state, start, payload, declared, self._timing, reach, self._most_streams)
        else:
            latest = baselines.of(key)
            fates = windowing.merge(state.window(start), payload, latest, self._most_streams, declared)
            end = max([point.end for point in payload.points] + [span.end for span in payload.spans])
            if not state.saw_points(end, now, self._timing.lateness):
                self._counter.add(semconv.METRIC_PROCESSOR_AHEAD, model=model)
        for fate, number in fates.items():
            self._fates.count(fate, number, model)

    def _add_outcomes(self, key: ModelKey, outcomes: Sequence[Outcome], now: int) -> None:
        if not self._has_room(key, len(outcomes), now):
            return
        state = self._models.of(key)
        self._last_outcome[key] = state.memory.last_seen = now
        state.saw_outcomes(max(outcome.known_at for outcome in outcomes), now)
        for outcome in outcomes:
            self._fates.count(state.add_outcome(outcome, self._timing, now), 1, key.model)

    def _judge_cohorts(self, key: ModelKey, state: ModelState, now: int) -> Iterator[Signal]:
        mute = now - self._last_points.get(key, now) >= self._timing.idle
        until = min([now - self._timing.lateness, *state.windows])  # what waits for more is not complete
        yield from self._selections.judge(state, until if mute else 0)
        silent = now - self._last_outcome.get(key, now) >= self._timing.idle
        yield from self._labels.judge(state, max(state.memory.label_watermark, now if silent else 0), now)
