"""Two versions of a model in the same windows: the smaller one is held against the other, wherever a restart cuts."""

import itertools
from collections.abc import Iterable, Sequence

import pytest

from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import HOUR, Writer
from tests.processor.restarted import Restarted
from tests.processor.test_learning import unreferenced
from tidegauge_processor.signals import DriftSignal, IncidentSignal, Signal
from tidegauge_processor.state.learning import NOTHING_LEARNED, LearningRule
from tidegauge_processor.verdicts.state import CloseReason, State
from tidegauge_processor.versions import VersionRule

COMPARED = VersionRule()


def engine(rule: VersionRule = COMPARED, learning: LearningRule = NOTHING_LEARNED) -> Restarted:
    return Restarted(baseline(), learning=learning, versions=lambda model: rule)


def of_version(version: str, start: int, seed: int, shift: float = 0.0, number: int = 400) -> bytes:
    writer = Writer(f"writer-{version}", version=version, baseline=baseline().id)
    return flush(rows(number, seed, shift), start, writer=writer, length=HOUR)


def canary(shifts: Sequence[float], number: int = 200) -> list[bytes]:
    """Version 7 for some hours, then version 8 beside it; ``shifts`` are those of version 8's hours."""
    requests = [of_version("7", hour(i), 10 + i) for i in range(3 + len(shifts))]
    beside = [of_version("8", hour(3 + i), 50 + i, shift, number) for i, shift in enumerate(shifts)]
    mixed = itertools.zip_longest(requests[3:], beside)
    return [*requests[:3], *(request for pair in mixed for request in pair if request)]


def compared(said: Iterable[Signal], name: str = "income", window: str = "1h") -> list[DriftSignal]:
    return [
        s
        for s in said
        if isinstance(s, DriftSignal) and s.versus and (s.target, s.name, s.window) == ("feature", name, window)
    ]


def test_a_canary_like_the_rest_is_ok_and_one_that_differs_is_found() -> None:
    said = engine().take(*canary([0, 0, 0, 1.0, 1.0, 0]))
    found = compared(said)
    assert {(s.subject.version, s.versus, s.subject.baseline) for s in found} == {("8", "7", "")}
    assert [s.state for s in found] == [State.OK] * 3 + [State.MATERIAL] * 2 + [State.OK]
    assert [s.subject.start for s in found] == [hour(3 + i) for i in range(6)]
    (opened,) = [s for s in said if isinstance(s, IncidentSignal) and s.versus and s.change == "opened"]
    assert (opened.subject.version, opened.versus, opened.since) == ("8", "7", hour(6))
    assert compared(said, window="3h")[1].reason == "waits for 3 windows beside version 7"
    assert [s.state.alarming for s in compared(said, window="3h")[2:]] == [False, True, True, True]


def test_a_difference_that_merged_windows_show_is_dated_where_it_began() -> None:
    said = engine().take(*canary([0.0] * 8 + [0.4] * 6))
    (opened,) = [s for s in said if isinstance(s, IncidentSignal) and s.versus and s.change == "opened"]
    assert opened.subject.start == hour(12)
    assert opened.since == hour(10)  # three windows, of which the first was like the champion's
    assert opened.change_point == hour(11)


def test_a_change_that_both_see_is_none_between_them() -> None:
    requests = [of_version("7", hour(i), i, 1.0 if i > 4 else 0.0) for i in range(8)]
    requests += [of_version("8", hour(i), 90 + i, 1.0 if i > 4 else 0.0, 200) for i in range(3, 8)]
    said = engine().take(*requests)
    assert {s.state for s in compared(said)} == {State.OK}
    assert {s.state for s in said if isinstance(s, DriftSignal) and not s.versus and s.name == "income"} > {
        State.MATERIAL
    }


@pytest.mark.parametrize("order", [1, -1])
def test_neither_restarts_nor_who_comes_first_change_what_is_said(order: int) -> None:
    requests = canary([0, 0, 0.8, 0.8, 0, 0])
    straight, cut = engine(), engine()
    expected = straight.take(*requests)
    said: list[Signal] = []
    for pair in [[each] for each in requests[:3]] + [requests[i : i + 2][::order] for i in range(3, len(requests), 2)]:
        for request in pair:
            said += cut.take(request)
            cut.restart()
    beside = [s for s in expected if getattr(s, "versus", "")]
    assert [s for s in said if getattr(s, "versus", "")] == beside
    assert len(beside) > 40


def test_judgements_beside_each_other_share_the_budget() -> None:
    said = engine().take(*canary([0] * 5))
    levels = {
        (s.subject.version, s.versus, s.subject.start): s.level
        for s in said
        if isinstance(s, DriftSignal) and (s.target, s.name, s.window) == ("feature", "income", "1h")
    }
    alone, last = levels["7", "", hour(0)], hour(7)
    shares = [levels[version, versus, last] / alone for version, versus in (("7", ""), ("8", ""), ("8", "7"))]
    assert shares == pytest.approx([1 / 3] * 3)


def test_the_champion_can_be_named() -> None:
    said = engine(VersionRule(champion="8")).take(*canary([0, 0, 0]))
    assert {(s.subject.version, s.versus) for s in compared(said)} == {("7", "8")}


def test_it_can_be_switched_off() -> None:
    assert not compared(engine(VersionRule(compare=False)).take(*canary([0, 0, 2.0])))


def test_other_bins_are_said_and_not_compared() -> None:
    requests = canary([0] * 3)[:3]
    for i in range(3):
        requests.append(of_version("7", hour(3 + i), 10 + i))
        requests.append(unreferenced(hour(3 + i), i, number=200, writer=Writer("writer-8", version="8")))
    said = engine().take(*requests)
    found = compared(said)
    assert {(s.state, s.reason) for s in found} == {
        (State.INSUFFICIENT_DATA, "counted in other bins than those of version 7")
    }
    assert {s.state for s in compared(said, "purpose")} == {State.OK}


def test_versions_without_baselines_are_compared_in_the_bins_that_one_has_learned() -> None:
    seven, eight = Writer("writer-7", version="7"), Writer("writer-8", version="8")
    requests = [unreferenced(hour(i), i, writer=seven) for i in range(9)]
    requests += [
        unreferenced(hour(i), 40 + i, writer=eight, number=200, shift=1.0 if i == 8 else 0.0) for i in range(5, 9)
    ]
    said = engine(learning=LearningRule(4 * HOUR, 1_000)).take(*sorted(requests, key=len))
    assert [s.state for s in compared(said)] == [State.OK] * 3 + [State.MATERIAL]


def test_a_version_that_is_gone_is_compared_with_no_more() -> None:
    beside = engine()
    said = beside.take(*canary([0, 0, 1.0]))
    assert [s for s in said if isinstance(s, IncidentSignal) and s.versus and s.change == "opened"]
    said = beside.take(*(of_version("8", hour(i), i) for i in (6, 7, 34)))
    (closed,) = [s for s in said if isinstance(s, IncidentSignal) and s.versus]
    assert (closed.change, closed.close_reason, closed.versus) == ("closed", CloseReason.VERSION_GONE, "7")
    assert not closed.pages
    assert not [s for s in beside.engine.standing(0) if isinstance(s, DriftSignal) and s.versus]
