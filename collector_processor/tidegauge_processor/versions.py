"""Version against version: a challenger is compared with the champion over the same windows.

What a baseline cannot tell apart, a change of the world and a change of the model, two versions that see the same
traffic can. The champion is the version with most of the rows, or the one that the configuration names; every other
version is held against it, in the cells of the champion's baseline, window by window and at every scale. What the
champion counted in those windows takes the place of the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

import numpy as np

from tidegauge.baseline import Baseline
from tidegauge_processor import comparison
from tidegauge_processor.config.durations import Duration
from tidegauge_processor.records import ModelKey
from tidegauge_processor.signals import DriftSignal, IncidentSignal, Signal, Subject
from tidegauge_processor.state.aggregates import Aggregates
from tidegauge_processor.state.challenge import Challenge
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.traces import traces_of, watched
from tidegauge_processor.verdicts.change_point import change_point_beside
from tidegauge_processor.verdicts.judge import judge
from tidegauge_processor.verdicts.lasting import Times, still_changed_beside
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, Verdict
from tidegauge_processor.verdicts.types import Window as Counted
from tidegauge_processor.window_points import Points

RECENT: Final = 24
"""Windows by whose rows the champion is found; a version without rows in so many is gone."""
SLACK: Final = 6
"""Windows by which one version may close before the other, and the longest scale is still compared."""


@dataclass(frozen=True, slots=True)
class VersionRule:
    """How the versions of a model are compared.

    Attributes:
        compare: whether they are.
        champion: the version that the others are compared with; the one with most rows when empty.
    """

    compare: bool = True
    champion: str = ""


class Champion(NamedTuple):
    """The version to compare with, and its baseline."""

    version: str
    baseline: Baseline


def champion_of(version: str, memories: Mapping[str, Memory], start: int, length: int, rule: VersionRule) -> str:
    """The version to compare ``version`` with in the window that begins at ``start``; empty when there is none.

    It looks at windows before this one only, and a champion stays one while it has more than half of the challenger's
    rows: two versions with half of the traffic each would otherwise change places all the time.

    Args:
        version: the challenger, or the champion itself.
        memories: memory of each version of the model.
        start: ns since the epoch.
        length: of a window, ns.
        rule: whether to compare, and with which version.
    """
    if not rule.compare or len(memories) == 1 or version == rule.champion:
        return ""
    rows = {
        other: sum(count for when, count in memory.recent if start - RECENT * length <= when < start)
        for other, memory in memories.items()
    }
    others = {other: count for other, count in rows.items() if count and other != version and memories[other].history}
    if rule.champion:
        return rule.champion if rule.champion in others else ""
    own = memories[version].challenge
    if own and 2 * others.get(own.champion, 0) > rows[version]:
        return own.champion
    for other in sorted(others, key=lambda other: (-others[other], other)):
        theirs = memories[other].challenge
        if others[other] > rows[version] and not (theirs and theirs.champion == version):
            return other
    return ""


def share_of(memories: Mapping[str, Memory], start: int, length: int) -> float:
    """Part of the model's budget that each judgement may spend in the window that begins at ``start``.

    Every version is judged against its baseline, and each challenger against its champion as well; so many judgements
    share the budget. A challenge counts from its third window on: by then all versions have closed its beginning, and
    the share does not depend on who closed first.
    """
    challenges = [(memory.challenge, memory.closed_until) for memory in memories.values() if memory.challenge]
    alive = sum(
        challenge.since <= start - 2 * length and until > start - RECENT * length for challenge, until in challenges
    )
    return 1 / (2 * alive + 1)


def take_up(
    memory: Memory,
    sums: Aggregates,
    start: int,
    end: int,
    champion: Champion | None,
    baselines: Mapping[str, Baseline],
    policy: Policy,
) -> None:
    """Count a window of the challenger in the champion's cells, to be compared when the champion has closed it too.

    Args:
        memory: of the challenger; without a champion its challenge ends.
        sums: what happened in the window.
        start: ns since the epoch.
        end: ns since the epoch.
        champion: to compare with.
        baselines: by id; what came with one of them counts where it has the champion's cells.
        policy: its longest scale says how many windows to keep.
    """
    known = memory.challenge
    if champion is None:
        memory.challenge = None
        return
    if known is None or (known.champion, known.baseline) != (champion.version, champion.baseline.id):
        since = known.since if known and known.champion == champion.version else start
        known = memory.challenge = Challenge(champion.version, champion.baseline.id, since)
    length, most = end - start, max(policy.scales) + SLACK
    first = start - (most - 1) * length
    for begin in range(max(known.windows[-1].end, first) if known.windows else start, start, length):
        known.windows.append(Counted(begin, begin + length, {}, _ONE_SLOT))
    counted = comparison.counts(Points(sums, champion.baseline, unreferenced=True, known=baselines), champion.baseline)
    known.windows.append(Counted(start, end, counted, _ONE_SLOT))
    del known.windows[:-most]
    known.exemplars[start] = watched(sums.exemplars, counted)
    for begin in sorted(known.exemplars)[:-SLACK]:
        del known.exemplars[begin]


def compare(
    key: ModelKey, memory: Memory, champion: Memory, baseline: Baseline, policy_of: Callable[[int], Policy]
) -> Iterator[Signal]:
    """Compare a challenger with its champion in every window that both have closed; ``memory`` moves on.

    Args:
        key: the challenger.
        memory: its memory.
        champion: memory of the champion.
        baseline: the champion's.
        policy_of: thresholds, and the budget of this comparison, in the window that starts at a time.
    """
    challenge = memory.challenge
    if challenge is None or champion.baseline != challenge.baseline:
        return
    counted = {window.start: window for window in champion.history}
    references, broken = comparison.references(baseline), memory.violations | champion.violations
    for place, window in enumerate(challenge.windows, 1):
        if window.end <= challenge.judged_until or window.end > champion.closed_until:
            continue
        challenge.judged_until = window.end
        exemplars = challenge.exemplars.pop(window.start, {})
        if not window.counts:
            continue  # the challenger was silent
        policy = policy_of(window.start)
        windows = challenge.windows[:place]
        verdicts = [
            _explained(verdict, memory, challenge.champion)
            for scale in policy.scales
            for verdict in _at_scale(windows, counted, references, policy, scale, challenge.champion)
        ]
        sources = {signal.subject.source for one in (memory, champion) for signal in one.standing}
        source: Literal["metric", "span"] = "span" if "span" in sources else "metric"
        subject = Subject(*key, "", source, window.start, window.end)
        for verdict in verdicts:
            stream = verdict.stream
            if stream.target == comparison.QUALITY and (stream.name, stream.detail) not in broken:
                continue  # a violation has series from the first time that one of the two meets it
            name = str(Duration(verdict.scale * (window.end - window.start)))
            yield DriftSignal.of(verdict, subject, name, challenge.champion)
        judged = [each for each in windows[-max(policy.scales) :] if each.start in counted]

        def began(verdict: Verdict, earliest: int, judged: list[Counted] = judged) -> int:
            ours = [each for each in judged if each.start >= earliest]
            theirs = [counted[each.start] for each in ours]
            return change_point_beside(ours, theirs, references[verdict.stream], verdict)

        def lasts(stream: Stream, *times: int, judged: list[Counted] = judged) -> bool:
            theirs = [counted[each.start] for each in judged]
            return still_changed_beside(judged, theirs, references[stream], stream, Times(*times))

        for change in challenge.incidents.update(verdicts, window, policy, began, lasts):
            if change.kind == "opened":
                memory.opened += 1
                challenge.traces = ()
            if change.kind != "closed":
                beside = counted[window.start].counts if window.start in counted else {}
                shown = traces_of(change.streams, exemplars, baseline, window.counts, beside)
                challenge.traces = shown or challenge.traces
            id = f"{change.id}-{challenge.champion}"
            yield replace(IncidentSignal.of(change, subject, challenge.traces), id=id, versus=challenge.champion)


_ONE_SLOT: Final = np.ones(1, dtype=np.bool_)


def _at_scale(
    windows: Sequence[Counted],
    counted: Mapping[int, Counted],
    references: Mapping[Stream, Reference],
    policy: Policy,
    scale: int,
    champion: str,
) -> list[Verdict]:
    """Judge the latest ``scale`` windows against those of the champion; its budget is one scale's part."""
    latest = windows[-scale:]
    first, end = latest[0].start, latest[-1].end
    if len(latest) < scale or min(counted, default=end) > first:
        reason = f"waits for {scale} windows beside version {champion}"
        return [Verdict(each, scale, first, end, 0, State.INSUFFICIENT_DATA, reason=reason) for each in references]
    beside = [counted[window.start].counts for window in latest if window.start in counted]
    nothing = {stream: np.zeros(reference.cells, dtype=np.int64) for stream, reference in references.items()}
    merged = {
        stream: Reference(
            np.sum([nothing[stream], *(counts[stream] for counts in beside if stream in counts)], axis=0)[None],
            reference.bounds,
            reference.floor,
        )
        for stream, reference in references.items()
    }
    filled = [replace(window, counts={**nothing, **window.counts}) for window in latest]
    budget = policy.false_incidents_per_month / len(policy.scales)
    return judge(filled, merged, replace(policy, scales=(scale,), false_incidents_per_month=budget))


def _explained(verdict: Verdict, memory: Memory, champion: str) -> Verdict:
    """Say where rows are missing because they were counted in other bins."""
    if verdict.rows or verdict.reason.startswith("waits"):
        return verdict
    if any(verdict.start <= start < verdict.end for start, _ in memory.recent):
        return replace(verdict, reason=f"counted in other bins than those of version {champion}")
    return verdict
