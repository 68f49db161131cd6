"""A version that is dead or rolled back stops repeating its alarm, and its incidents say why they closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.processor.live import MINUTE, TIMING, Application, Live, at
from tests.processor.requests import HOUR, SECOND, Writer
from tests.processor.test_engine import told
from tidegauge import semconv
from tidegauge_processor.otlp import attributes, encode_events
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import DriftSignal, IncidentSignal, Signal, TotalsSignal, WindowSignal
from tidegauge_processor.verdicts.state import CloseReason, State

WINDOWS = replace(TIMING, idle=90 * SECOND)
"""Silence closes the last window before three of them are over."""


def minute(live: Live, number: int, *writers: tuple[Application, float], rows: int = 200) -> list[Signal]:
    requests = [
        writer.interval(rows, at(60 * number), at(60 * number + 60), shift=shift, seed=100 * place + number + 1)
        for place, (writer, shift) in enumerate(writers)
    ]
    return live.take(*requests, now=at(60 * number + 60))


def closed(said: Iterable[Signal]) -> list[tuple[str, str, CloseReason | None]]:
    found = [each for each in said if isinstance(each, IncidentSignal) and each.change == "closed"]
    return [(each.subject.version, each.versus, each.close_reason) for each in found]


def alarms(live: Live) -> set[tuple[str, str]]:
    """Versions, and what they are held against, of the alarms that are repeated."""
    standing = [each for each in live.engine.standing(0) if isinstance(each, DriftSignal)]
    return {(each.subject.version, each.versus) for each in standing if each.state.alarming}


def test_after_three_windows_without_data_the_alarm_is_repeated_no_more(tmp_path: Path) -> None:
    live, writer = Live(tmp_path, WINDOWS), Application("writer")
    for number in range(4):
        minute(live, number, (writer, 1.0))
    last = at(4 * 60)
    live.look(last + WINDOWS.idle)
    assert alarms(live) == {("7", "")}
    live.look(last + 3 * MINUTE - 1)
    assert alarms(live) == {("7", "")}
    said = live.look(last + 3 * MINUTE)
    assert closed(said) == [("7", "", CloseReason.NO_DATA)]
    assert not alarms(live)
    assert {type(each) for each in live.engine.standing(0)} == {WindowSignal, TotalsSignal}
    (signal,) = said
    assert (signal.subject.start, signal.subject.end) == (at(240), at(420))
    assert isinstance(signal, IncidentSignal)
    assert not signal.pages

    assert not live.look(last + 10 * MINUTE)  # it is said once
    live.end(kill=False)
    live.begin(last + 11 * MINUTE)
    assert not live.look(last + 30 * MINUTE)


def test_data_that_come_again_are_judged_as_ever(tmp_path: Path) -> None:
    live, writer = Live(tmp_path, WINDOWS), Application("writer")
    minute(live, 0, (writer, 1.0))
    live.look(at(60) + 3 * MINUTE)
    assert not alarms(live)
    minute(live, 20, (writer, 1.0))
    said = live.look(at(21 * 60) + WINDOWS.idle)
    assert [each.change for each in said if isinstance(each, IncidentSignal)] == ["opened"]
    assert alarms(live) == {("7", "")}
    assert closed(live.look(at(21 * 60) + 3 * MINUTE)) == [("7", "", CloseReason.NO_DATA)]


def test_the_silence_of_the_processor_is_none_of_the_model(tmp_path: Path) -> None:
    live, writer = Live(tmp_path, WINDOWS), Application("writer")
    minute(live, 0, (writer, 1.0))
    live.look(at(60) + WINDOWS.idle)
    live.end(kill=False)
    live.begin(at(1_000))
    assert not live.look(at(1_179))
    assert closed(live.look(at(1_180))) == [("7", "", CloseReason.NO_DATA)]


def test_a_window_that_waits_is_judged_first(tmp_path: Path) -> None:
    live, writer = Live(tmp_path, WINDOWS), Application("writer")
    minute(live, 0, (writer, 1.0))
    writer.interval(10, at(60), at(65))  # under way for ever
    minute(live, 1, (Application("other"), 1.0))
    live.take(writer.interval(50, at(65), at(120)), now=at(121))
    live.look(at(121) + 5 * MINUTE)
    assert not closed(live.said)
    live.look(at(121) + 5 * MINUTE + WINDOWS.hold)
    assert [each.rows for each in live.windows.values()] == [200, 250]
    assert closed(live.said) == [("7", "", CloseReason.NO_DATA)]


def test_in_a_replay_nobody_is_dead(tmp_path: Path) -> None:
    live, writer = Live(tmp_path, replace(WINDOWS, live=False)), Application("writer")
    minute(live, 0, (writer, 1.0))
    live.look(at(60) + 30 * MINUTE)
    assert alarms(live) == {("7", "")}
    assert not closed(live.said)


def test_a_version_that_is_rolled_back_takes_its_comparison_with_it(tmp_path: Path) -> None:
    live = Live(tmp_path, WINDOWS)
    seven, eight = Application("seven"), Application("eight", version="8")
    for number in range(3):
        minute(live, number, (seven, 0.0))
    for number in range(3, 6):
        minute(live, number, (seven, 0.0), rows=400)
        minute(live, number, (eight, 1.0))
    for number in range(6, 10):
        minute(live, number, (seven, 0.0))
        if number == 7:
            assert alarms(live) == {("8", ""), ("8", "7")}
    assert closed(live.said) == [("8", "", CloseReason.NO_DATA), ("8", "7", CloseReason.NO_DATA)]
    assert not alarms(live)


def test_what_was_held_against_a_version_that_is_gone_is_over(tmp_path: Path) -> None:
    live = Live(tmp_path, WINDOWS)
    seven, eight = Application("seven"), Application("eight", version="8")
    for number in range(3):
        minute(live, number, (seven, 0.0), rows=2_000)
    for number in range(3, 6):
        minute(live, number, (seven, 0.0), rows=2_000)
        minute(live, number, (eight, 1.0))
    for number in range(6, 10):
        minute(live, number, (eight, 1.0))
    assert closed(live.said) == [("8", "7", CloseReason.VERSION_GONE)]
    assert alarms(live) == {("8", "")}


def test_what_labels_have_shown_ends_when_labels_are_silent_too(tmp_path: Path) -> None:
    live, writer = Live(tmp_path, replace(WINDOWS, wait=1)), Application("writer")
    minute(live, 0, (writer, 0.0))
    wrong = [told(f"row {row}", at(3_600), at(60), **{semconv.FEEDBACK_ACTUAL: "0"}) for row in range(2_000)]
    outcomes = Writer().logs(*wrong), Writer().logs(told("later", at(7_300), at(60)))
    live.take(*outcomes, now=at(7_300), kind=SignalKind.LOGS)
    opened = [each for each in live.said if isinstance(each, IncidentSignal) and each.cause == "labels"]
    assert [each.change for each in opened] == ["opened"]
    live.look(at(7_300) + 3 * HOUR - 1)
    assert not closed(live.said)
    said = live.look(at(7_300) + 3 * HOUR)
    assert closed(said) == [("7", "", CloseReason.NO_DATA)]
    assert [each.id for each in said if isinstance(each, IncidentSignal)] == [opened[0].id]


def test_the_event_says_why(tmp_path: Path) -> None:
    live, writer = Live(tmp_path, WINDOWS), Application("writer")
    minute(live, 0, (writer, 1.0))
    live.look(at(60) + 3 * MINUTE)
    events = [each for each in live.said if isinstance(each, IncidentSignal)]
    request = ExportLogsServiceRequest.FromString(encode_events.events(attributes.resource({}), events, None))
    records = request.resource_logs[0].scope_logs[0].log_records
    reasons = [
        {each.key: each.value.string_value for each in record.attributes}.get(semconv.INCIDENT_CLOSE_REASON)
        for record in records
    ]
    assert reasons == [None, "no_data"]
    assert records[1].body.string_value == "credit-risk 7: incident of drift closed (no data)"
    assert events[1].state is State.MATERIAL
