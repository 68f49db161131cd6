"""Why a batch did not arrive, in one line that says what is wrong and how to mend it.

Words are our own: what a receiver answers may quote what it was sent, which does not belong into the application's log.
"""

from __future__ import annotations

import urllib.request
from urllib.parse import urlsplit

from tidegauge._export.endpoint import HTTP, OF_ALL_SIGNALS, Endpoint
from tidegauge._outbox import UnsentError
from tidegauge.peer import Peer, look


class Reasons:
    """Tells why nothing arrives at one endpoint; remembers what it has found out about the latest failure.

    Args:
        endpoint: where data go.
        authorities: file of the certificates that are trusted; the system's when left out.
    """

    def __init__(self, endpoint: Endpoint, authorities: str | None) -> None:
        self._endpoint = endpoint
        self._authorities = authorities
        self._sign = ""
        self._found = "", ""

    def unanswered(self, sign: str) -> UnsentError:
        """No answer came. The peer is looked at anew when ``sign``, the transport's own word for it, is another."""
        if not self._found[0] or self._sign != sign:
            self._sign, self._found = sign, self._look(sign.lower())
        return UnsentError(*self._found)

    def late(self) -> UnsentError:
        """An answer did not come in time."""
        where, seconds = self._endpoint.address, self._endpoint.timeout
        return UnsentError(
            "timeout",
            f"no answer from {where} within {seconds:g} s: is it the right port, and not too busy? "
            "OTEL_EXPORTER_OTLP_TIMEOUT gives it longer",
        )

    def busy(self, status: str, pause: float) -> UnsentError:
        """The receiver asks to come again later."""
        return UnsentError("busy", f"{self._endpoint.address} asks to come again later ({status})", pause)

    def refused(self, status: str, cause: str) -> str:
        """What to do about a batch that is refused for good.

        Args:
            status: as the protocol calls it, such as 401 or UNAUTHENTICATED.
            cause: ``credentials``, ``rights``, ``path``, ``size``, ``room``, ``redirect`` or anything else.
        """
        end = self._endpoint
        advice = {
            "credentials": "it wants credentials, set OTEL_EXPORTER_OTLP_HEADERS as in authorization=Bearer%20TOKEN",
            "rights": "the credentials in OTEL_EXPORTER_OTLP_HEADERS do not give the right to send there",
            "path": _advice_on_path(end),
            "size": "the request is too large for it, raise its limit (max_recv_msg_size_mib or max_request_body_size)",
            "room": "the request is too large for it, raise its limit (max_recv_msg_size_mib), or a quota is used up",
            "redirect": f"it names another address, which is not followed, set {end.variable} to that one",
        }
        return f"{end.address} refuses it ({status}): {advice.get(cause, 'its own log says more')}"

    def _look(self, sign: str) -> tuple[str, str]:
        end = self._endpoint
        if not end.host:
            return "unanswered", f"no answer from {end.address}: is it what {end.variable} should say?"
        if proxy := _proxy(end):
            return "proxy", (
                f"no answer from {end.address} by way of the proxy {proxy}: correct it, "
                f"or add {end.host} to NO_PROXY where none is needed"
            )
        peer = look(end.host, end.port, authorities=self._authorities)
        handshake = any(word in sign for word in ("ssl", "tls", "handshake"))
        return _absent(end, peer) or _different(end, peer) or _distrusted(end, peer, handshake) or _lost(end)


def _absent(end: Endpoint, peer: Peer) -> tuple[str, str] | None:
    match peer.state:
        case "unknown_host":
            return peer.state, f"there is no host {end.host}: correct {end.variable}"
        case "refused":
            return peer.state, f"nobody listens at {end.address}: start the receiver, or correct {end.variable}"
        case "unreachable":
            return peer.state, f"nothing answers at {end.address}: is a firewall in between, is {end.variable} right?"
        case "listens":
            return None


def _different(end: Endpoint, peer: Peer) -> tuple[str, str] | None:
    """It speaks something else than we do."""
    ours, theirs = ("HTTP", "gRPC") if end.protocol == HTTP else ("gRPC", "HTTP")
    fits = peer.protocol in ("", ours.lower())
    protocol = f"{end.protocol_variable}={'grpc' if theirs == 'gRPC' else HTTP}"
    if peer.silent:
        return (
            "silent",
            f"{end.address} takes connections and says nothing: is its receiver up, is {end.variable} right?",
        )
    if not peer.tls and not peer.protocol:
        return "protocol", f"what listens at {end.address} does not speak {ours}: correct {end.variable}"
    if peer.tls is not end.tls:
        scheme, wish = ("https", "wants TLS") if peer.tls else ("http", "speaks no TLS")
        both = "" if fits or (peer.tls and ours == "HTTP") else f" and {protocol}"  # with TLS, HTTP/2 may not be all
        return "tls", f"{end.address} {wish}: set {end.variable}={_url(end, scheme)}{both}"
    if not fits:
        return "protocol", f"{end.address} speaks {theirs}, and it was sent {ours}: set {protocol}"
    return None


def _distrusted(end: Endpoint, peer: Peer, handshake: bool) -> tuple[str, str] | None:
    if peer.distrust:
        return "certificate", (
            f"the certificate of {end.address} is not trusted ({peer.distrust}): "
            "name the file of its authority by OTEL_EXPORTER_OTLP_CERTIFICATE"
        )
    if end.tls and handshake:
        return "certificate", (
            f"TLS with {end.address} fails: name the file of its authority by OTEL_EXPORTER_OTLP_CERTIFICATE and, "
            "if it asks who we are, ours by OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY"
        )
    return None


def _lost(end: Endpoint) -> tuple[str, str]:
    return "lost", f"{end.address} is there and took nothing: it has just been started, or is too busy"


def _advice_on_path(end: Endpoint) -> str:
    if end.protocol != HTTP:
        return f"it has no service for OTLP {end.signal}, set {end.variable} to a receiver that has"
    path = urlsplit(end.url).path or "/"
    if end.variable == OF_ALL_SIGNALS:
        return f"it takes no OTLP at {path}, correct {end.variable}, to which the paths of signals are added"
    return f"it takes no OTLP at {path}, correct {end.variable}, which has the path in it, such as /v1/{end.signal}"


def _url(end: Endpoint, scheme: str) -> str:
    """How the variable says this address; to that of all signals, the signal's path is added."""
    whole = end.protocol == HTTP and end.variable != OF_ALL_SIGNALS
    return f"{scheme}://{end.address}{f'/v1/{end.signal}' if whole else ''}"


def _proxy(end: Endpoint) -> str:
    """The proxy that the environment names for this address; empty without one."""
    proxy = urllib.request.getproxies().get("https" if end.tls else "http", "")
    if not proxy or urllib.request.proxy_bypass(end.host):
        return ""
    return urlsplit(proxy if "://" in proxy else f"//{proxy}").netloc.rpartition("@")[2]
