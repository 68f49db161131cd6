"""A window waits for every writer that is alive and for rows that are under way, and for nobody for ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.processor.live import MINUTE, TIMING, Application, Live, at, completeness
from tests.processor.models import baseline
from tests.processor.requests import SECOND, Writer
from tidegauge import semconv
from tidegauge_processor.signals import EvaluationSignal
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.writers import MOST_WRITERS


def minutes(live: Live, writer: Application, *numbers: int, rows: int = 40) -> None:
    """All of a minute, as soon as it is over."""
    for number in numbers:
        live.take(writer.interval(rows, at(60 * number), at(60 * number + 60)), now=at(60 * number + 61))


def test_a_window_waits_for_the_slowest_writer(tmp_path: Path) -> None:
    live, fast, slow = Live(tmp_path), Application("fast"), Application("slow")
    live.take(fast.interval(5, at(0), at(10)), slow.interval(5, at(0), at(10)), now=at(11))
    minutes(live, fast, 1, 2, 3)
    assert not live.windows
    live.take(slow.interval(7, at(50), at(60)), slow.interval(9, at(60), at(130)), now=at(245))
    assert {number: signal.rows for number, signal in live.windows.items()} == {0: 5 + 5 + 7, 1: 40}
    assert live.count(semconv.METRIC_PROCESSOR_LATE) == 0


def test_who_is_silent_is_not_waited_for(tmp_path: Path) -> None:
    live, fast, slow = Live(tmp_path), Application("fast"), Application("slow")
    live.take(fast.interval(5, at(0), at(10)), slow.interval(5, at(0), at(10)), now=at(11))
    minutes(live, fast, 1, 2, 3, 4)
    live.look(at(11 + 299))
    assert not live.windows
    live.look(at(11 + 300))
    assert set(live.windows) == {0, 1, 2, 3}


def test_who_is_gone_is_forgotten(tmp_path: Path) -> None:
    live, fast = Live(tmp_path), Application("fast")
    for number in range(12):
        minutes(live, fast, number)
        live.take(
            Application(f"short-lived-{number}").interval(1, at(60 * number), at(60 * number + 5)),
            now=at(60 * number + 62),
        )
    live.look(at(12 * 60 + 302))
    assert len(live.state.memory.writers) <= 1


def test_who_has_said_goodbye_is_not_waited_for(tmp_path: Path) -> None:
    live, fast, slow = Live(tmp_path), Application("fast"), Application("slow")
    live.take(fast.interval(5, at(0), at(10)), slow.interval(5, at(0), at(10)), now=at(11))
    live.take(slow.goodbye(at(12)), now=at(12))
    minutes(live, fast, 1, 2)
    assert set(live.windows) == {0, 1}


def test_who_speaks_after_its_goodbye_is_waited_for_again(tmp_path: Path) -> None:
    live, fast, slow = Live(tmp_path), Application("fast"), Application("slow")
    before = slow.interval(5, at(0), at(10))
    live.take(fast.interval(5, at(0), at(10)), slow.goodbye(at(12)), before, now=at(12))  # the last word came first
    minutes(live, fast, 1, 2)
    assert set(live.windows) == {0, 1}
    live.take(slow.interval(5, at(120), at(130)), now=at(182))
    minutes(live, fast, 3, 4)
    assert set(live.windows) == {0, 1}


def test_when_all_have_said_goodbye_the_clock_on_the_wall_closes_the_last_window(tmp_path: Path) -> None:
    live, only = Live(tmp_path), Application("only")
    live.take(only.interval(5, at(0), at(10)), only.goodbye(at(12)), now=at(12))
    live.look(at(69))
    assert not live.windows
    live.look(at(70))
    assert live.windows[0].rows == 5


def test_a_goodbye_opens_no_window(tmp_path: Path) -> None:
    live, only = Live(tmp_path), Application("only")
    minutes(live, only, 0, 1)
    live.take(only.goodbye(at(200)), now=at(200))
    live.look(at(600))
    assert set(live.windows) == {0, 1}
    assert live.count(semconv.METRIC_PROCESSOR_ACCEPTED) > 0
    assert live.count(semconv.METRIC_PROCESSOR_MISSING) == 0


def test_the_goodbyes_of_a_replay_close_nothing_that_may_go_on(tmp_path: Path) -> None:
    """One process after the other replays a part of a day that is long over by the clock on the wall."""
    years_later = at(3e8)
    live = Live(tmp_path, replace(TIMING, live=False))
    for number in range(6):
        writer = Application(f"part-{number}", at(10 * number))
        chunk = writer.interval(5, at(10 * number), at(10 * number + 10))
        live.take(chunk, writer.goodbye(at(10 * number + 10)), now=years_later + 20 * number * SECOND)
    assert not live.windows
    live.look(years_later + 100 * SECOND + TIMING.idle)
    assert live.windows[0].rows == 30


def test_rows_that_are_under_way_are_waited_for(tmp_path: Path) -> None:
    live, writer = Live(tmp_path), Application("writer")
    first, second = writer.interval(30, at(0), at(30)), writer.interval(20, at(30), at(60))
    live.take(second, now=at(61))
    minutes(live, writer, 1, 2)
    assert not live.windows
    live.take(first, now=at(400))
    assert [live.windows[number].rows for number in (0, 1)] == [50, 40]
    assert completeness(live, (0, 1)) == [1.0, 1.0]


def test_a_row_that_a_later_window_misses_may_belong_to_an_earlier_one(tmp_path: Path) -> None:
    live, writer = Live(tmp_path), Application("writer")
    first, second = writer.interval(30, at(0), at(30)), writer.interval(20, at(30), at(60))
    live.take(first, now=at(31))
    minutes(live, writer, 1, 2)
    assert not live.windows
    live.take(second, now=at(185))
    assert live.windows[0].rows == 50


def test_what_a_window_long_after_misses_does_not_hold_it(tmp_path: Path) -> None:
    live, writer = Live(tmp_path), Application("writer")
    live.take(writer.interval(30, at(0), at(60)), now=at(61))
    lost = writer.interval(1, at(60), at(70))
    live.take(writer.interval(9, at(70), at(130)), now=at(131))
    assert set(live.windows) == {0}
    live.take(lost, now=at(140))
    live.look(at(140) + TIMING.idle)
    assert completeness(live, (0, 1, 2)) == [1.0, 1.0, 1.0]


def test_rows_of_a_writer_that_counted_long_before_are_waited_for_from_its_first_window_on(tmp_path: Path) -> None:
    live, old = Live(tmp_path), Application("old", at(-90_000))
    old.made = 7_000_000
    first = old.interval(30, at(0), at(60))
    lost = old.interval(10, at(60), at(70))
    live.take(first, old.interval(30, at(70), at(120)), old.interval(30, at(120), at(180)), now=at(191))
    assert set(live.windows) == {0}
    live.take(lost, now=at(192))
    assert set(live.windows) == {0, 1}


def test_rows_that_never_come_hold_one_window_and_show(tmp_path: Path) -> None:
    live, writer, closed = Live(tmp_path), Application("writer"), []
    for number in range(40):
        writer.interval(10, at(60 * number), at(60 * number + 10))  # lost, in each window
        live.take(writer.interval(30, at(60 * number + 10), at(60 * number + 60)), now=at(60 * number + 61))
        live.look(at(60 * number + 75))
        closed.append(len(live.windows))
    assert closed == [0] * 16 + [*range(16, 40)]  # the first waits its time; nobody waits in vain again
    assert set(completeness(live, range(39))) == {0.75}
    assert live.count(semconv.METRIC_PROCESSOR_MISSING) == 390


@pytest.mark.parametrize("seconds", [0, 60, 900])
def test_no_window_is_held_for_longer_than_the_limit(tmp_path: Path, seconds: int) -> None:
    live = Live(tmp_path, replace(TIMING, hold=seconds * SECOND))
    honest, frozen = Application("honest"), Application("frozen")
    live.take(honest.interval(5, at(0), at(60)), frozen.interval(5, at(0), at(10)), now=at(61))
    for second in range(70, 70 + seconds):
        live.take(frozen.interval(1, at(10), at(11)), now=at(second))  # it is heard of all the time, and stands still
        assert not live.windows
        if second % 60 == 1:
            live.take(honest.interval(5, at(second - 61), at(second - 1)), now=at(second))
    live.take(honest.interval(5, at(60 + seconds), at(120 + seconds)), now=at(121 + seconds))
    assert 0 in live.windows
    live.take(honest.interval(5, at(120 + seconds), at(180 + seconds)), now=at(190 + seconds))
    assert (60 + seconds) // 60 in live.windows  # who was waited for in vain is not waited for again
    assert max(live.windows) == (60 + seconds) // 60


def test_who_has_caught_up_is_waited_for_again(tmp_path: Path) -> None:
    live = Live(tmp_path, replace(TIMING, hold=MINUTE))
    honest, slow = Application("honest"), Application("slow")
    live.take(honest.interval(5, at(0), at(60)), slow.interval(5, at(0), at(10)), now=at(61))
    minutes(live, honest, 1)
    live.look(at(190))
    assert set(live.windows) == {0}
    live.take(slow.interval(9, at(60), at(130)), now=at(191))
    minutes(live, honest, 2, 3)
    assert set(live.windows) == {0, 1}  # it has not come to the end of the next one
    live.take(slow.interval(9, at(130), at(190)), now=at(242))
    assert set(live.windows) == {0, 1, 2}


def test_a_clock_that_runs_ahead_is_believed_as_far_as_the_wall_clock(tmp_path: Path) -> None:
    live, honest, ahead = Live(tmp_path), Application("honest"), Application("ahead")
    live.take(honest.interval(5, at(0), at(10)), ahead.interval(5, at(3_600), at(3_660)), now=at(11))
    assert live.count(semconv.METRIC_PROCESSOR_AHEAD) == 1
    minutes(live, honest, 1, 2)
    assert not live.windows  # its own time stands still at 11 s, where it was heard of
    live.look(at(11) + TIMING.idle)
    assert set(live.windows) == {0, 1}


def test_invented_writers_need_bounded_memory_and_do_not_push_out_known_ones(tmp_path: Path) -> None:
    live, fast, slow = Live(tmp_path), Application("fast"), Application("slow")
    live.take(fast.interval(5, at(0), at(10)), slow.interval(5, at(0), at(10)), now=at(11))
    writers = live.state.memory.writers
    for number in range(100_000):
        writers.heard(f"invented-{number}", at(10), at(12), TIMING.idle)
    assert len(writers) == MOST_WRITERS
    assert len(live.state.memory.dump()) < 400_000
    minutes(live, fast, 1)
    live.look(at(12) + TIMING.idle - 1)
    assert not live.windows  # the invented ones are alive: the limits of silence and hold are what they can reach
    live.take(slow.count(at(10)), now=at(310))
    live.take(fast.count(at(120)), now=at(311))
    live.look(at(312))
    assert not live.windows  # the invented ones are silent, the slow one is known and is not
    live.take(Application("late to come").interval(5, at(60), at(70)), now=at(330))
    assert len(writers) == 3  # there is room again


def test_a_restart_begins_with_the_writers_of_before(tmp_path: Path) -> None:
    live, fast, slow = Live(tmp_path), Application("fast"), Application("slow")
    live.take(fast.interval(5, at(0), at(10)), slow.interval(5, at(0), at(10)), now=at(11))
    live.end(kill=False)
    live.begin(at(16))
    minutes(live, fast, 1, 2, 3, 4)
    live.look(at(315))
    assert not live.windows  # what was silence of the processor is none of its writers
    live.look(at(316))
    assert set(live.windows) == {0, 1, 2, 3}


def test_after_an_outage_those_are_waited_for_of_whom_nobody_has_heard_yet(tmp_path: Path) -> None:
    live, known = Live(tmp_path), Application("known")
    live.take(known.interval(5, at(0), at(10)), now=at(11))
    live.end(kill=False)
    live.begin(at(111))  # away for 100 s
    unknown = Application("unknown", at(50))
    live.take(known.interval(40, at(10), at(60)), known.interval(40, at(60), at(180)), now=at(190))
    assert not live.windows
    live.take(unknown.interval(7, at(50), at(60)), now=at(300))
    live.look(at(310))
    assert not live.windows
    live.take(unknown.interval(7, at(60), at(180)), known.interval(9, at(180), at(310)), now=at(312))
    assert {number: signal.rows for number, signal in live.windows.items()} == {0: 52}


def test_after_a_silence_of_all_they_are_too(tmp_path: Path) -> None:
    """The way to the processor was cut for so long that nobody counted as alive."""
    live, first, second = Live(tmp_path), Application("first"), Application("second")
    live.take(first.interval(5, at(0), at(10)), second.interval(5, at(0), at(10)), now=at(11))
    live.look(at(400))
    assert set(live.windows) == {0}
    live.take(first.interval(40, at(60), at(120)), first.interval(40, at(120), at(1_800)), now=at(1_801))
    live.look(at(1_850))
    assert set(live.windows) == {0}
    live.take(second.interval(40, at(60), at(120)), second.interval(40, at(120), at(1_800)), now=at(1_860))
    live.look(at(1_860) + TIMING.idle)
    assert {number: signal.rows for number, signal in live.windows.items()} == {0: 10, 1: 80, 29: 80}


def test_a_writer_that_went_away_with_rows_it_had_counted_shows(tmp_path: Path) -> None:
    live, other, gone = Live(tmp_path), Application("other"), Application("gone")
    live.take(other.interval(30, at(0), at(60)), gone.interval(30, at(0), at(40)), now=at(61))
    gone.interval(20, at(40), at(50))  # never sent
    live.take(gone.goodbye(at(55)), now=at(62))
    minutes(live, other, 1)
    assert not live.windows  # they may be under way
    live.look(at(121) + TIMING.hold)
    assert completeness(live, (0, 1)) == [60 / 80, 1.0]
    assert live.count(semconv.METRIC_PROCESSOR_MISSING) == 20


def test_rows_that_only_a_last_word_tells_of_have_a_window(tmp_path: Path) -> None:
    live, only = Live(tmp_path), Application("only", at(30))
    only.interval(20, at(30), at(50))  # never sent
    live.take(only.goodbye(at(55)), now=at(62))
    live.look(at(100) + TIMING.idle + TIMING.hold)
    live.look(at(100) + TIMING.idle + 2 * TIMING.hold)
    assert (live.windows[0].rows, live.windows[0].completeness) == (0, 0.0)


def test_a_last_word_that_comes_when_its_window_has_closed_is_counted(tmp_path: Path) -> None:
    live, other, gone = Live(tmp_path), Application("other"), Application("gone")
    live.take(other.interval(30, at(0), at(60)), gone.interval(30, at(0), at(60)), now=at(61))
    live.look(at(75) + TIMING.idle)
    gone.interval(20, at(40), at(50))  # never sent
    live.take(gone.goodbye(at(58)), now=at(76) + TIMING.idle)
    assert live.count(semconv.METRIC_PROCESSOR_MISSING) == 20


def test_a_last_word_of_a_writer_that_counted_long_before_anybody_listened_means_nothing(tmp_path: Path) -> None:
    live = Live(tmp_path)
    writer = Writer("old", temporality=2)
    point = writer.counter(semconv.METRIC_SDK_FINAL_PREDICTIONS, 9_000, at(-90_000), at(55))
    live.take(writer.metrics(point), now=at(62))
    live.look(at(3_000))
    assert not live.windows
    minutes(live, Application("other"), 60, 61, 62)
    live.look(at(4_100))
    assert set(live.windows) == {60, 61, 62}
    point = writer.counter(semconv.METRIC_SDK_FINAL_PREDICTIONS, 9_000, at(-90_000), at(3_650))
    live.take(writer.metrics(point), now=at(4_101))
    assert live.count(semconv.METRIC_PROCESSOR_MISSING) == 0


def test_a_window_of_which_only_an_old_count_is_there_is_none(tmp_path: Path) -> None:
    live, writer = Live(tmp_path), Application("writer")
    before = writer.interval(30, at(0), at(60))
    live.take(writer.goodbye(at(65)), now=at(66))
    live.take(before, now=at(67))
    live.look(at(140))
    live.look(at(67) + TIMING.idle)
    assert set(live.windows) == {0}


def test_the_predictions_of_a_cohort_are_known_when_its_windows_no_longer_wait(tmp_path: Path) -> None:
    live, writer = Live(tmp_path, replace(TIMING, cohort=2 * MINUTE)), Application("writer")

    def groups(start: int, end: int) -> bytes:
        own = Writer("writer", baseline=baseline().id)
        writer.made += 160
        found = [
            own.counter(
                semconv.METRIC_PREDICTIONS, 40, start, end, ml__prediction__class=klass, ml__segment__region=region
            )
            for klass in "01"
            for region in ("north", "south")
        ]
        return own.metrics(*found) + writer.count(end)

    live.take(groups(at(0), at(60)), now=at(61))
    lost = writer.interval(20, at(60), at(70))
    live.take(groups(at(70), at(100)), now=at(101))
    live.look(at(101) + TIMING.idle)
    assert set(live.windows) == {0}
    assert not rates(live)  # all are silent, and yet there is something to come
    live.take(lost, now=at(500))
    live.look(at(500) + TIMING.idle)
    assert set(live.windows) == {0, 1}
    assert {each.labels for each in rates(live)} == {160}


def rates(live: Live) -> list[EvaluationSignal]:
    found = [each for each in live.said if isinstance(each, EvaluationSignal)]
    return [each for each in found if each.name == "selection_rate"]


def test_state_without_writers_is_read() -> None:
    """An earlier build remembered none."""
    plain = Memory().dump().replace(b'"writers":[],', b"").replace(b',"writers":[]', b"")
    assert b'"writers"' not in plain
    assert len(Memory.load(plain).writers) == 0
