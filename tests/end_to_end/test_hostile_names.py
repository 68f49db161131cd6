"""Names stop nothing: not the start, not the stop, not the signals of others, and they forge no line of the log."""

from __future__ import annotations

import gzip
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.hostile import Answer, Besieged
from tests.end_to_end.processes import wait_until
from tests.end_to_end.test_learned import promote
from tests.processor.models import baseline, flush, rows
from tests.processor.requests import SECOND, Writer
from tidegauge import Baseline, semconv

pytestmark = pytest.mark.end_to_end

LONG = "信用风险评估模型" * 11  # 88 characters, 264 bytes
HONEST_LIMIT = 4 << 20  # bytes that a stock collector takes


def publish(besieged: Besieged, published: Baseline) -> Answer:
    writer = Writer(instance="evil", model=published.model, version=published.version)
    part = {"ml__baseline__id": published.id, "ml__baseline__part": 0, "ml__baseline__parts": 1}
    body = gzip.compress(published.to_bytes())
    return besieged.logs(writer.logs(writer.event(semconv.EVENT_BASELINE_PUBLISHED, SECOND, body, **part)))


def test_a_long_name_is_learned_of_and_can_be_promoted(tmp_path: Path) -> None:
    with Besieged(tmp_path, {"learning": {"duration": "20s", "min_rows": 100}}) as besieged:
        for window in range(4):
            besieged.honest([window], model=LONG)
            besieged.honest([window])
        besieged.wait_until_judged(2)
        besieged.wait_until_judged(2, model=LONG)
        names = [path.name for path in (besieged.state / "learned").iterdir()]
        assert len(names) == 2
        assert max(len(name.encode()) for name in names) < 120
        besieged.restart()
        besieged.honest([4])
        besieged.wait_until_judged(3)
        promoted = promote(besieged.state, tmp_path / "promoted.json", LONG, "1")
        assert promoted.returncode == 0, promoted.stderr
        assert Baseline.load(tmp_path / "promoted.json").model == LONG


def test_a_folder_that_cannot_be_written_to_stops_nothing(tmp_path: Path) -> None:
    with Besieged(tmp_path, {"learning": {"duration": "20s", "min_rows": 100}}) as besieged:
        (besieged.state / "learned").write_text("no folder")
        besieged.honest(range(4))
        besieged.wait_until_judged(2)
        wait_until(lambda: "the baseline learned for honest 1 is not written" in besieged.output, "that is said")
        besieged.restart()
        besieged.honest([4])
        besieged.wait_until_judged(3)


def test_what_is_published_was_not_learned_here(tmp_path: Path) -> None:
    claimed = replace(baseline(), model="n" * 245, version="1", metadata={"origin": "learned"})
    with Besieged(tmp_path) as besieged:
        assert publish(besieged, claimed) == Answer("OK")
        besieged.restart()
        assert not (besieged.state / "learned").exists()
        besieged.honest(range(2))
        besieged.wait_until_judged(0)


def test_a_name_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    known = baseline()
    evil = replace(
        known, model="evil", version="1", features=(*known.features, replace(known.features[0], name="\ud800"))
    )
    with Besieged(tmp_path) as besieged:
        assert publish(besieged, evil) == Answer("OK")
        writer = Writer(instance="evil", model="evil", version="1", baseline=evil.id)
        for window in range(2):
            start, end = besieged.interval(window)
            assert besieged.metrics(flush(rows(100, seed=window), start, writer, end - start)) == Answer("OK")
        besieged.honest(range(2))
        besieged.wait_until_judged(0, model="evil")
        besieged.wait_until_judged(0)
        besieged.wait_until_counted(semconv.METRIC_PROCESSOR_DROPPED, 1, "baseline")


def test_a_name_of_a_megabyte_is_refused_and_no_request_outgrows_a_collector(tmp_path: Path) -> None:
    """The limit raised to where one signal alone is too large, as it was without one; and as it is by default."""
    name = "E" * 1_000_000
    with Besieged(tmp_path, largest=HONEST_LIMIT) as besieged:
        start, end = besieged.interval(0)
        writer = Writer(instance="evil", model=name)
        answer = besieged.metrics(writer.metrics(writer.counter(semconv.METRIC_PREDICTIONS, 5, start, end)))
        assert (answer.status, answer.rejected) == ("OK", 1)
        assert "limits.identity_bytes" in answer.reason
        besieged.wait_until_counted(semconv.METRIC_RECEIVER_REJECTED, 1, "identity_bytes")
    folder = tmp_path / "raised"
    folder.mkdir()
    with Besieged(folder, {"limits": {"identity_bytes": 2_000_000}}, largest=HONEST_LIMIT) as besieged:
        for window in range(2):
            for letter in "EF":
                besieged.honest([window], model=letter * 1_000_000)
            besieged.honest([window], model="G" * 400_000)
            besieged.honest([window])
        besieged.wait_until_judged(0)
        besieged.wait_until_judged(0, model="G" * 400_000)
        assert max(request.ByteSize() for request in besieged.sink.requests) <= 3 << 20
        dropped = semconv.METRIC_EXPORTER_DROPPED  # of gauges the latest are enough where the back end is slow
        assert besieged.counted(dropped) == besieged.counted(dropped, "superseded")


def test_a_name_forges_no_line_of_the_log(tmp_path: Path) -> None:
    forged = "2026-01-01 00:00:00,000 ERROR tidegauge_processor.service: all is lost"
    with Besieged(tmp_path) as besieged:
        besieged.honest(range(2), model=f"m\n{forged}\x1b[31m\r\u2028{forged}")
        wait_until(lambda: "has no baseline" in besieged.output, "the model is named")
        output = besieged.processor.log.read_bytes().decode()
        assert forged in output
        assert not re.search(rf"^{forged}", output, re.MULTILINE)
        assert set(output) - {"\n"} == {each for each in output if each.isprintable()}


def test_sighup_ends_nothing(tmp_path: Path) -> None:
    with Besieged(tmp_path) as besieged:
        besieged.processor.signal(signal.SIGHUP)
        wait_until(lambda: "SIGHUP is ignored" in besieged.output, "it is said")
        besieged.honest(range(2))
        besieged.wait_until_judged(0)
        for _ in range(20):
            besieged.processor.signal(signal.SIGHUP)
        assert besieged.processor.stop() == 0
        assert "Traceback" not in besieged.output


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_thread_is_ended_by_a_signal_that_another_waits_for(tmp_path: Path) -> None:
    """A signal goes to any thread that does not hold it."""
    with Besieged(tmp_path) as besieged:
        held = [Path(task, "status").read_text() for task in Path(f"/proc/{besieged.processor.pid}/task").iterdir()]
        masks = [int(re.findall(r"SigBlk:\s*(\w+)", status)[0], 16) for status in held]
        wanted = sum(1 << (number - 1) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
        waiting = [mask for mask in masks if mask & wanted != wanted]
        assert len(waiting) == 1  # in `sigwait`, which is shown as holding nothing
