"""Parts of published baselines: strangers disturb nobody's, and what is never completed costs little and goes."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.processor.models import baseline, hour
from tests.processor.requests import SECOND, Writer
from tests.processor.test_engine import LATER, Bench
from tidegauge import semconv
from tidegauge.baseline import Baseline
from tidegauge_processor.baselines import Baselines, Published, RefusedError
from tidegauge_processor.config.sections import Limits
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.parts import LARGEST_PART, PREFIX, Parts
from tidegauge_processor.records import BaselinePart

PACKED = gzip.compress(baseline().to_bytes(), mtime=0)
MIB = 1 << 20
MINUTE = 60 * SECOND


def part(number: int, parts: int = 3, writer: str = "honest", body: bytes | None = None) -> BaselinePart:
    size = -(-len(PACKED) // parts)
    own = PACKED[number * size : (number + 1) * size]
    return BaselinePart(baseline().id, number, parts, own if body is None else body, writer)


def published(shelf: Baselines, *parts: BaselinePart) -> list[bool]:
    """Whether each part in turn made a baseline complete."""
    found = []
    for each in parts:
        try:
            found.append(isinstance(shelf.add_part(each), Published))
        except RefusedError:
            found.append(False)
    return found


@pytest.mark.parametrize("place", range(4))
def test_what_another_writer_sends_disturbs_nobody(place: int) -> None:
    honest = [part(0), part(1), part(2)]
    stray = part(1, writer="stranger", body=b"stray")
    assert any(published(Baselines(), *honest[:place], stray, *honest[place:]))


@pytest.mark.parametrize("place", range(3))
def test_a_stray_part_under_the_writers_name_is_replaced_by_the_right_one(place: int) -> None:
    stray = part(place, body=b"stray")
    for order in itertools.permutations([part(0), part(1), part(2)]):
        assert published(Baselines(), stray, *order).count(True) == 1


def test_a_part_of_a_set_of_another_size_is_a_part_of_another_set() -> None:
    assert published(Baselines(), part(0), part(1), part(1, parts=2, body=b"stray"), part(2)) == [False] * 3 + [True]


def test_what_is_complete_leaves_nothing_behind() -> None:
    shelf = Baselines()
    published(shelf, part(0, writer="a"), part(0, writer="b"), part(0), part(1), part(2))
    shelf.parts.saved()
    assert not any(shelf.parts.dirty().values())
    assert not shelf.parts._waiting
    assert shelf.add_part(part(0)) is None  # a repeat


def test_parts_are_written_once() -> None:
    parts = Parts(128 * MIB)
    parts.add(part(0, parts=9, body=b"x" * LARGEST_PART), LATER)
    (name,) = parts.dirty()
    parts.saved()
    assert parts.dirty() == {}
    parts.add(part(1, parts=9, body=b"y"), LATER)
    assert [key == name for key in parts.dirty()] == [False]


def test_parts_survive_a_restart() -> None:
    parts = Parts(128 * MIB)
    for number in range(2):
        parts.add(part(number), LATER)
    again = Parts(128 * MIB)
    assert again.load({name: data for name, data in parts.dirty().items() if data}) == {}
    assert again.dirty() == {}
    assert again.add(part(2), LATER) == PACKED


def test_a_unit_that_is_no_part_is_told_and_the_others_are_read() -> None:
    parts, again = Parts(MIB), Parts(MIB)
    parts.add(part(0, parts=2), LATER)
    units = {name: data for name, data in parts.dirty().items() if data}
    assert list(again.load({f"{PREFIX}[1]": b"", **units})) == [f"{PREFIX}[1]"]
    assert again.add(part(1, parts=2), LATER) == PACKED


def _sets(parts: Parts) -> set[tuple[str, str]]:
    return {(key.writer, key.baseline) for key in parts._waiting}


def _big(writer: str, id: str, number: int = 0) -> BaselinePart:
    return BaselinePart(id, number, 9, b"x" * LARGEST_PART, writer)


def test_one_writer_may_have_half_of_the_room() -> None:
    parts = Parts(8 * MIB)
    parts.add(_big("honest", "h"), LATER)
    for place in range(20):
        parts.add(_big("stranger", f"s{place}"), LATER)
    assert ("honest", "h") in _sets(parts)
    assert _sets(parts) - {("honest", "h")} == {("stranger", f"s{place}") for place in range(17, 20)}
    assert parts.dropped == {"baseline_pending_mib": 17}


def test_all_room_is_bounded_and_the_oldest_go() -> None:
    parts = Parts(8 * MIB)
    for place in range(20):
        parts.add(_big(f"writer-{place}", "b"), LATER + place)
    assert _sets(parts) == {(f"writer-{place}", "b") for place in range(13, 20)}


def test_tiny_parts_are_not_free() -> None:
    parts = Parts(MIB)
    for place in range(5_000):
        parts.add(BaselinePart(f"b{place}", 0, 2, b"x", f"writer-{place}"), LATER)
    assert len(_sets(parts)) < 1_100


def test_what_is_not_completed_within_an_hour_is_given_up() -> None:
    bench = Bench()

    def half(id: str, now: int) -> None:
        labels = {"ml__baseline__id": id, "ml__baseline__part": 0, "ml__baseline__parts": 2}
        event = Writer().event(semconv.EVENT_BASELINE_PUBLISHED, hour(0), b"half", **labels)
        bench.take(Writer().logs(event), kind=SignalKind.LOGS, now=now)

    half("first", LATER)
    half("second", LATER + 30 * MINUTE)
    bench.engine.saved()
    bench.engine.advance(LATER + 60 * MINUTE)
    assert [data for key, data in bench.engine.dirty().items() if "first" in key] == [None]
    assert not [key for key in bench.engine.dirty() if "second" in key]
    assert bench.telemetry.counts()[
        semconv.METRIC_PROCESSOR_DROPPED, ((semconv.REASON, "baseline_incomplete"),)
    ] == 1  # fmt: skip


def test_a_part_is_no_larger_than_publishers_make_it() -> None:
    with pytest.raises(RefusedError, match="more than 1,048,576"):
        Baselines().add_part(part(0, body=b"x" * (LARGEST_PART + 1)))


def _another(number: int) -> tuple[Baseline, BaselinePart]:
    """One of many baselines, and its only part; half a MiB as JSON."""
    made = replace(baseline(), metadata={"number": number, "padding": "x" * (MIB // 2)})
    return made, BaselinePart(made.id, 0, 1, gzip.compress(made.to_bytes()), f"writer-{number}")


def _held(*in_use: str) -> Callable[[], set[str]]:
    return lambda: set(in_use)


def test_baselines_that_nobody_uses_make_room() -> None:
    shelf = Baselines(limits=Limits(baselines_mib=2))
    made = [_another(number) for number in range(5)]
    found = [shelf.add_part(packed, 0, _held(made[0][0].id)) for _, packed in made]
    assert set(shelf) == {made[0][0].id, made[3][0].id, made[4][0].id}
    assert [each.leaving for each in found if each] == [(), (), (), (made[1][0].id,), (made[2][0].id,)]


def test_where_all_are_in_use_a_further_one_is_refused_unread() -> None:
    shelf = Baselines(limits=Limits(baselines_mib=1))
    (first, packed), (_, another) = _another(1), _another(2)
    shelf.add_part(packed)
    with pytest.raises(RefusedError, match=r"limits\.baselines_mib") as refused:
        shelf.add_part(another, 0, _held(first.id))
    assert refused.value.reason == "baselines_mib"
    assert set(shelf) == {first.id}
