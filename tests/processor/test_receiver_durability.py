"""Promise 8 over real gRPC: what a client was told is taken survives ``kill -9``."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from tests.processor.edges import client
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.state.store import Store

SERVER = """if True:
    import sys
    from tidegauge_processor.otlp.receiver import Accepted, Receiver
    from tidegauge_processor.state.inbox import Inbox
    from tidegauge_processor.state.store import Store

    store = Store.open(sys.argv[1])
    inbox = Inbox(store, lambda entries: None)

    def accept(kind, data):
        inbox.put(kind, data, None)
        return Accepted()

    print(Receiver("127.0.0.1:0", accept).start(), flush=True)
    input()
"""


@pytest.mark.parametrize("after", [30, 333])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, after: int) -> None:
    acknowledged: set[bytes] = set()

    def send(sender: int, port: int) -> str:
        with client(port, SignalKind.LOGS) as export:
            for number in range(1_000_000):
                data = b"%d/%d/" % (sender, number) + bytes(5000)
                try:
                    export(data, timeout=20)
                except grpc.RpcError as error:
                    return error.code().name
                acknowledged.add(data)
                if len(acknowledged) >= after:
                    server.kill()
        return "never killed"

    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SERVER, tmp_path], stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with ThreadPoolExecutor(8) as senders:
            ends = list(senders.map(send, range(8), [port] * 8))
    assert set(ends) == {"UNAVAILABLE"}
    store = Store.open(tmp_path)
    stored = [data for _, _, data in store.replay(0)]
    store.close()
    assert len(acknowledged) >= after
    assert acknowledged <= set(stored)
    assert len(set(stored)) == len(stored)
