"""What the tests of the OTLP edge and of the store share."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from tidegauge_processor.otlp.kinds import SignalKind


class Counts:
    """A counter that can be looked at: ``{"name{attribute=value}": count}``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, value: int = 1, **attributes: str) -> None:
        labels = ",".join(f"{key}={attributes[key]}" for key in sorted(attributes))
        with self._lock:
            self._counts[f"{name}{{{labels}}}"] += value

    def __call__(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)


@contextmanager
def client(port: int, kind: SignalKind = SignalKind.METRICS, **channel: object) -> Iterator[Callable[..., bytes]]:
    """A call of the kind's export method with raw bytes, over a connection of its own."""
    with grpc.insecure_channel(f"127.0.0.1:{port}", **channel) as connection:
        yield connection.unary_unary(kind.method)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread is about to do; fail when it does not."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Backend:
    """An OTLP receiver that does as it is told: ``answer(call number, kind, data, context)`` gives the response."""

    def __init__(self, answer: Callable[[int, SignalKind, bytes, grpc.ServicerContext], bytes], port: int = 0) -> None:
        self.taken: list[tuple[SignalKind, bytes]] = []
        self.calls = 0
        self._answer = answer
        self._pool = ThreadPoolExecutor(4)
        self._server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    kind.service, {"Export": grpc.unary_unary_rpc_method_handler(self._export(kind))}
                )
                for kind in SignalKind
            ]
        )
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    def _export(self, kind: SignalKind) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def export(data: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls += 1
            response = self._answer(self.calls, kind, data, context)
            self.taken.append((kind, data))
            return response

        return export

    def stop(self) -> None:
        self._server.stop(None).wait()
        self._pool.shutdown()
