"""The outbox on its way out: in order, until acknowledged, and never again afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from tests.processor.edges import Backend, Counts, until
from tidegauge_processor.otlp import retry_info
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.receiver import Accepted, Receiver
from tidegauge_processor.otlp.sender import Sender
from tidegauge_processor.state.store import Store

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
M, L, T = SignalKind.METRICS, SignalKind.LOGS, SignalKind.TRACES
Answer = Callable[[int, SignalKind, bytes, grpc.ServicerContext], bytes]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "state")
    yield store
    store.close()


@pytest.fixture
def backend() -> Iterator[Callable[..., Backend]]:
    started: list[Backend] = []

    def start(answer: Answer = lambda call, kind, data, context: b"", port: int = 0) -> Backend:
        started.append(Backend(answer, port))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def send(store: Store) -> Iterator[Callable[..., tuple[Sender, Counts]]]:
    started: list[Sender] = []

    def start(port: int, **options: float) -> tuple[Sender, Counts]:
        counts = Counts()
        options = {"initial_interval": 0.02, "max_interval": 0.1, **options}
        started.append(Sender(f"127.0.0.1:{port}", store, counter=counts, **options))
        return started[-1], counts

    yield start
    for each in started:
        each.stop()


def refusing(calls: range, code: grpc.StatusCode, *, retry_after: float | None = None) -> Answer:
    """Refuse the calls of these numbers, take the others."""

    def answer(call: int, kind: SignalKind, data: bytes, context: grpc.ServicerContext) -> bytes:
        if call in calls:
            if retry_after is not None:
                context.set_trailing_metadata(retry_info.write(code.value[0], "as told", retry_after))
            context.abort(code, "as told")
        return b""

    return answer


def test_everything_goes_to_its_own_service_in_order(
    store: Store, backend: Callable[..., Backend], send: Callable[..., tuple[Sender, Counts]]
) -> None:
    signals = [((M, L, T)[number % 3], b"%d" % number) for number in range(40)]
    store.checkpoint(0, {}, signals[:20])
    taken = backend()
    sender, counts = send(taken.port)
    assert sender.drain(20)
    store.checkpoint(0, {}, signals[20:])
    sender.wake()
    assert sender.drain(20)
    assert taken.taken == signals
    assert store.outbox(10) == []
    assert counts() == {
        "tidegauge.exporter.sent{kind=metrics}": 14,
        "tidegauge.exporter.sent{kind=logs}": 13,
        "tidegauge.exporter.sent{kind=traces}": 13,
    }


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_our_own_receiver_understands_it(store: Store, compression: str) -> None:
    taken: list[tuple[SignalKind, bytes]] = []

    def accept(kind: SignalKind, data: bytes) -> Accepted:
        taken.append((kind, data))
        return Accepted()

    receiver = Receiver("127.0.0.1:0", accept)
    store.checkpoint(0, {}, [(M, b"signal" * 1000)])
    sender = Sender(f"127.0.0.1:{receiver.start()}", store, compression=compression)
    assert sender.drain(20)
    sender.stop()
    receiver.stop(grace=0)
    assert taken == [(M, b"signal" * 1000)]


def test_signals_wait_for_a_back_end_that_is_down(
    store: Store, backend: Callable[..., Backend], send: Callable[..., tuple[Sender, Counts]]
) -> None:
    before = backend()
    sender, counts = send(before.port)
    store.checkpoint(0, {}, [(M, b"1")])
    assert sender.drain(20)
    before.stop()
    store.checkpoint(0, {}, [(M, b"2"), (L, b"3")])
    sender.wake()
    until(lambda: counts().get("tidegauge.exporter.send_failed{kind=metrics,reason=unavailable}", 0) >= 3)
    assert not sender.drain(0)
    store.checkpoint(0, {}, [(M, b"4")])
    after = backend(port=before.port)
    assert sender.drain(20)
    assert (before.taken, after.taken) == ([(M, b"1")], [(M, b"2"), (L, b"3"), (M, b"4")])


def test_a_new_process_sends_what_the_last_one_could_not(tmp_path: Path, backend: Callable[..., Backend]) -> None:
    taken = backend(refusing(range(2, 3), grpc.StatusCode.UNAVAILABLE))
    store, counts = Store.open(tmp_path), Counts()
    store.checkpoint(0, {}, [(M, b"1"), (M, b"2")])
    sender = Sender(f"127.0.0.1:{taken.port}", store, initial_interval=3600, counter=counts)
    until(lambda: "tidegauge.exporter.send_failed{kind=metrics,reason=unavailable}" in counts())
    sender.stop()  # while it waits for the next attempt
    store.close()
    store = Store.open(tmp_path)
    store.checkpoint(0, {}, [(M, b"3")])
    sender = Sender(f"127.0.0.1:{taken.port}", store)
    assert sender.drain(20)
    sender.stop()
    store.close()
    assert taken.taken == [(M, b"1"), (M, b"2"), (M, b"3")]


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_the_back_end_says_when_to_come_again(
    code: grpc.StatusCode, store: Store, backend: Callable[..., Backend], send: Callable[..., tuple[Sender, Counts]]
) -> None:
    taken = backend(refusing(range(1, 4), code, retry_after=0.01))
    store.checkpoint(0, {}, [(M, b"1"), (M, b"2")])
    sender, counts = send(taken.port, initial_interval=3600, max_interval=3600)  # by itself it would wait an hour
    assert sender.drain(20)
    assert taken.taken == [(M, b"1"), (M, b"2")]
    assert counts() == {
        f"tidegauge.exporter.send_failed{{kind=metrics,reason={code.name.lower()}}}": 3,
        "tidegauge.exporter.sent{kind=metrics}": 2,
    }


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    ],
)
def test_what_the_specification_calls_transient_is_sent_again(
    code: grpc.StatusCode, store: Store, backend: Callable[..., Backend], send: Callable[..., tuple[Sender, Counts]]
) -> None:
    taken = backend(refusing(range(1, 3), code))
    store.checkpoint(0, {}, [(M, b"1")])
    sender, _ = send(taken.port)
    assert sender.drain(20)
    assert (taken.calls, taken.taken) == (3, [(M, b"1")])


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,  # without a time to come again
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    ],
)
def test_what_is_refused_for_good_is_dropped_and_counted(
    code: grpc.StatusCode,
    store: Store,
    backend: Callable[..., Backend],
    send: Callable[..., tuple[Sender, Counts]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    taken = backend(refusing(range(1, 2), code))
    store.checkpoint(0, {}, [(L, b"1"), (M, b"2")])
    sender, counts = send(taken.port)
    assert sender.drain(20)
    assert taken.taken == [(M, b"2")]
    assert counts() == {
        f"tidegauge.exporter.dropped{{kind=logs,reason={code.name.lower()}}}": 1,
        "tidegauge.exporter.sent{kind=metrics}": 1,
    }
    assert f"127.0.0.1:{taken.port} refuses logs for good: {code.name.lower()}: as told" in caplog.text


def test_records_that_the_back_end_left_out_are_counted(
    store: Store,
    backend: Callable[..., Backend],
    send: Callable[..., tuple[Sender, Counts]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(call: int, kind: SignalKind, data: bytes, context: grpc.ServicerContext) -> bytes:
        response = ExportMetricsServiceResponse()
        response.partial_success.rejected_data_points = 7
        response.partial_success.error_message = "too old"
        return response.SerializeToString()

    store.checkpoint(0, {}, [(M, b"1")])
    taken = backend(answer)
    sender, counts = send(taken.port)
    assert sender.drain(20)
    assert counts() == {"tidegauge.exporter.rejected{kind=metrics}": 7, "tidegauge.exporter.sent{kind=metrics}": 1}
    assert f"127.0.0.1:{taken.port} left out 7 metric_points: too old" in caplog.text


def test_an_attempt_that_hangs_is_given_up_and_repeated(
    store: Store, backend: Callable[..., Backend], send: Callable[..., tuple[Sender, Counts]]
) -> None:
    finish = threading.Event()

    def answer(call: int, kind: SignalKind, data: bytes, context: grpc.ServicerContext) -> bytes:
        if call == 1:
            finish.wait(20)
        return b""

    store.checkpoint(0, {}, [(M, b"1")])
    taken = backend(answer)
    sender, counts = send(taken.port, timeout=0.3)
    assert sender.drain(20)
    finish.set()
    assert counts()["tidegauge.exporter.send_failed{kind=metrics,reason=deadline_exceeded}"] >= 1


def test_stopping_ends_an_attempt_and_keeps_the_signal(
    store: Store, backend: Callable[..., Backend], send: Callable[..., tuple[Sender, Counts]]
) -> None:
    finish = threading.Event()

    def answer(call: int, kind: SignalKind, data: bytes, context: grpc.ServicerContext) -> bytes:
        finish.wait(20)
        return b""

    store.checkpoint(0, {}, [(M, b"1")])
    taken = backend(answer)
    sender, counts = send(taken.port, timeout=3600)
    until(lambda: taken.calls == 1)
    sender.stop()
    finish.set()
    assert [row[1:] for row in store.outbox(10)] == [(M, b"1")]
    assert counts() == {}


class Waits(threading.Event):
    """Writes down for how long a thread would wait, and lets it go on at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        return super().wait(0)


def test_each_wait_is_twice_the_last_one_up_to_the_longest_and_the_next_trouble_begins_anew(
    store: Store, backend: Callable[..., Backend], send: Callable[..., tuple[Sender, Counts]]
) -> None:
    calls = [*range(1, 13), 14]  # the thirteenth is taken
    taken = backend(lambda call, *rest: refusing(range(call, call + (call in calls)), UNAVAILABLE)(call, *rest))
    sender, _ = send(taken.port, initial_interval=1.0, max_interval=30.0)
    sender._stopping = waits = Waits()
    store.checkpoint(0, {}, [(M, b"1"), (M, b"2")])
    assert sender.drain(20)
    assert taken.taken == [(M, b"1"), (M, b"2")]
    middle = [1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 1]  # each is up to a half longer or shorter, by chance
    assert [0.5 <= wait / of <= 1.5 for wait, of in zip(waits.seconds, middle, strict=True)] == [True] * 13
    assert len({wait / of for wait, of in zip(waits.seconds, middle, strict=True)}) == 13


def test_what_was_acknowledged_is_not_sent_twice_though_it_cannot_be_removed(
    store: Store, backend: Callable[..., Backend], send: Callable[..., tuple[Sender, Counts]]
) -> None:
    store.checkpoint(0, {}, [(M, b"1"), (M, b"2")])
    store._connection.execute("PRAGMA query_only = 1")
    taken = backend()
    sender, _ = send(taken.port)
    assert not sender.drain(0.3)
    assert taken.taken == [(M, b"1")]
    store._connection.execute("PRAGMA query_only = 0")
    assert sender.drain(20)
    assert taken.taken == [(M, b"1"), (M, b"2")]
