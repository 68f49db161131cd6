"""Why signals do not arrive at the exporter's endpoint, in words that say how to mend it."""

from __future__ import annotations

from typing import Final

import grpc

from tidegauge.peer import Peer, look

_CREDENTIALS: Final = "it wants credentials, and none are sent: put a Collector in between that has some"
_ROOM: Final = "the request is too large for it, raise its limit (max_recv_msg_size_mib), or a quota is used up"
_ADVICE: Final = {
    grpc.StatusCode.UNAUTHENTICATED: _CREDENTIALS,
    grpc.StatusCode.PERMISSION_DENIED: _CREDENTIALS,
    grpc.StatusCode.UNIMPLEMENTED: "it has no service for this kind of signal: set exporter.endpoint to one that has",
    grpc.StatusCode.RESOURCE_EXHAUSTED: _ROOM,
}


class Reasons:
    """Tells why calls to one endpoint fail; remembers what it has found out about the latest failure.

    Args:
        endpoint: ``host:port``.
        insecure: it is called without TLS.
        timeout: seconds that a call may take.
    """

    def __init__(self, endpoint: str, *, insecure: bool, timeout: float) -> None:
        self._endpoint = endpoint
        self._insecure = insecure
        self._timeout = timeout
        self._failure: tuple[grpc.StatusCode, str] | None = None
        self._found = ""

    def advice(self, code: grpc.StatusCode, message: str) -> str:
        """What is wrong and how to mend it; empty where that is not known.

        Args:
            code: how the call ended.
            message: what the other side, or gRPC itself, said of it.
        """
        if self._failure != (code, message):
            self._failure, self._found = (code, message), self._look(code)
        return self._found

    def _look(self, code: grpc.StatusCode) -> str:
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"no answer within {self._timeout:g} s: is exporter.endpoint right? exporter.timeout gives it longer"
        if code is not grpc.StatusCode.UNAVAILABLE:
            return _ADVICE.get(code, "")
        host, _, port = self._endpoint.rpartition(":")
        return _mend(look(host.strip("[]"), int(port)), insecure=self._insecure)


def _mend(peer: Peer, *, insecure: bool) -> str:
    """Empty where nothing is wrong with the endpoint."""
    match peer.state:
        case "unknown_host":
            return "there is no such host: correct exporter.endpoint"
        case "refused":
            return "nobody listens there: start the receiver, or correct exporter.endpoint"
        case "unreachable":
            return "nothing answers there: is a firewall in between, is exporter.endpoint right?"
    if peer.protocol == "http":
        tls = ", and exporter.insecure: false" if peer.tls and insecure else ""
        return f"it speaks HTTP: set exporter.endpoint to a port for OTLP over gRPC, usually 4317{tls}"
    if peer.tls and insecure:
        return "it wants TLS: set exporter.insecure: false"
    if peer.protocol and not peer.tls and not insecure:
        return "it speaks no TLS: set exporter.insecure: true"
    if peer.silent:
        return "what listens there says nothing: is its receiver up, is exporter.endpoint right?"
    if not peer.protocol:
        return "what listens there does not speak gRPC: correct exporter.endpoint"
    if peer.distrust:
        return (
            f"its certificate is not trusted ({peer.distrust}): "
            "name the file of its authority by the variable GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
        )
    return ""
