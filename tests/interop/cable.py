"""A network cable with a tap on it: passes TCP on and keeps what the caller sent, byte for byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Self


class Cable:
    """Listens on a free port of its own and connects each caller to ``target``."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._carried = bytearray()
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._listener.getsockname()[1]}"
        _start(self._accept)

    @property
    def carried(self) -> bytes:
        """All bytes that callers have sent so far; those of different connections may be interleaved."""
        with self._lock:
            return bytes(self._carried)

    def _accept(self) -> None:
        host, port = self._target.rsplit(":", 1)
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:  # closed
                return
            try:
                callee = socket.create_connection((host, int(port)))
            except OSError:  # nobody there: the caller learns it as it would without us
                caller.close()
                continue
            with self._lock:
                self._ends += [caller, callee]
            _start(self._pass, caller, callee, True)
            _start(self._pass, callee, caller, False)

    def _pass(self, source: socket.socket, drain: socket.socket, keep: bool) -> None:
        try:
            while data := source.recv(65536):
                if keep:
                    with self._lock:
                        self._carried += data
                drain.sendall(data)
        except OSError:
            return  # one end hung up
        finally:
            _hang_up(drain)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        _hang_up(self._listener)
        self._listener.close()
        for end in self._ends:
            _hang_up(end)
            end.close()


def _start(what: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=what, args=arguments, daemon=True).start()


def _hang_up(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:  # already gone
        return
