"""Where a signal goes, by OpenTelemetry's environment variables.

Three things are read more kindly than the specification asks for. An address may lack its ``http://``: it is then taken
to be without TLS, unless the port is 443, a certificate is named or ``OTEL_EXPORTER_OTLP_INSECURE=false``. Port 4318
means HTTP where no protocol is set. And what cannot be read falls back to its default, with one line.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

from tidegauge._environment import A_UNIT, fell_back, read, seconds

Protocol: TypeAlias = Literal["grpc", "http/protobuf"]

GRPC: Final[Protocol] = "grpc"
HTTP: Final[Protocol] = "http/protobuf"
OF_ALL_SIGNALS: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The variable whose address is completed by the path of a signal."""

_PORTS: Final[dict[Protocol, int]] = {GRPC: 4317, HTTP: 4318}
_TLS_PORT: Final = 443
_PREFIX: Final = "OTEL_EXPORTER_OTLP_"
_WITHOUT_SCHEME: Final = re.compile(r"(\[[0-9a-fA-F:.%\w]+\]|[^\s:/@\[\]]+)(?P<port>:\d{1,5})?(/\S*)?")
_PORT: Final = re.compile(r"(?:\w+://)?[^/]*:(\d+)(?:/.*)?")
_RESOLVED_BY_GRPC: Final = re.compile(r"(unix|unix-abstract|dns|ipv4|ipv6|xds|vsock):(?!\d+$).+")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one signal goes, and how.

    Attributes:
        signal: ``traces``, ``metrics`` or ``logs``.
        protocol: that is spoken there.
        url: whole address, the signal's path included; for gRPC without one, or a name that gRPC resolves itself.
        tls: whether TLS is spoken.
        variable: the environment variable that says, or would say, where it is.
        protocol_variable: the one that says, or would say, which protocol.
        timeout: seconds that one request may take.
        compression: ``gzip``, ``deflate`` or ``none``.
    """

    signal: str
    protocol: Protocol
    url: str
    tls: bool
    variable: str
    protocol_variable: str
    timeout: float
    compression: str

    @property
    def host(self) -> str:
        """Name or address, an IPv6 address without brackets; empty for a name that gRPC resolves itself."""
        parts = urlsplit(self.url)
        return (parts.hostname or "") if parts.scheme in ("http", "https") else ""

    @property
    def port(self) -> int:
        """Port of TCP; 0 for a name that gRPC resolves itself."""
        parts = urlsplit(self.url)
        return parts.port or (_TLS_PORT if parts.scheme == "https" else 80) if self.host else 0

    @property
    def address(self) -> str:
        """``host:port``, as gRPC and people read it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if host else self.url


def endpoint(signal: str, environ: Mapping[str, str] | None = None) -> Endpoint:
    """The endpoint of ``signal`` (``traces``, ``metrics`` or ``logs``).

    >>> endpoint("metrics", {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}).url
    'http://collector:4318/v1/metrics'
    """
    environ = os.environ if environ is None else environ
    variable = variable_of("ENDPOINT", signal, environ)
    protocol = _protocol(environ, signal, environ.get(variable, "").strip())
    url = _url(environ, signal, variable, protocol)
    return Endpoint(
        signal=signal,
        protocol=protocol,
        url=url,
        tls=url.startswith("https:") or not (url.startswith("http:") or _insecure(environ, signal) == "true"),
        variable=variable,
        protocol_variable=variable_of("PROTOCOL", signal, environ),
        timeout=_timeout(environ, signal),
        compression=_compression(environ, signal, protocol),
    )


def _protocol(environ: Mapping[str, str], signal: str, address: str) -> Protocol:
    port = _PORT.fullmatch(address)
    default: Protocol = HTTP if port and int(port[1]) == _PORTS[HTTP] else GRPC
    variable = variable_of("PROTOCOL", signal, environ)
    text = environ.get(variable, "").strip()
    asked = text.lower()
    if not asked:
        return default
    if asked in _PORTS:
        return asked
    meant = HTTP if asked.startswith("http") else GRPC if asked.startswith("grpc") else default
    fell_back(variable, text, " or ".join(_PORTS), meant)
    return meant


def _url(environ: Mapping[str, str], signal: str, variable: str, protocol: Protocol) -> str:
    text, default = environ.get(variable, "").strip(), f"http://localhost:{_PORTS[protocol]}"
    base = default
    if text:
        try:
            base = _parse(text, protocol, _wants_tls(environ, signal))
        except ValueError:
            fell_back(variable, text, "an address such as http://collector:4317", f"the default, {default}")
    if protocol == HTTP and (base == default or variable == OF_ALL_SIGNALS):
        return f"{base.removesuffix('/')}/v1/{signal}"
    return base


def _parse(text: str, protocol: Protocol, tls: bool) -> str:
    if protocol == GRPC and _RESOLVED_BY_GRPC.fullmatch(text):
        return text
    if "://" not in text:
        bare = _WITHOUT_SCHEME.fullmatch(text)
        if bare is None:
            raise ValueError(text)
        secure = tls or bare["port"] == f":{_TLS_PORT}"
        return _whole(urlsplit(f"{'https' if secure else 'http'}://{text}"), protocol, _PORTS[protocol])
    parts = urlsplit(text)
    parts = parts._replace(scheme={"grpc": "http", "grpcs": "https"}.get(parts.scheme, parts.scheme))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(text)
    return _whole(parts, protocol, _PORTS[GRPC] if protocol == GRPC and parts.scheme == "http" else None)


def _whole(parts: SplitResult, protocol: Protocol, port: int | None) -> str:
    """The address with a port, where there is a default one; a port that there is none of is a `ValueError`."""
    host = parts.netloc if parts.port is not None or port is None else f"{parts.netloc.removesuffix(':')}:{port}"
    return parts._replace(netloc=host, path="" if protocol == GRPC else parts.path).geturl()


def _wants_tls(environ: Mapping[str, str], signal: str) -> bool:
    """What is meant by an address that does not say it."""
    insecure = _insecure(environ, signal)
    return insecure == "false" or (not insecure and variable_of("CERTIFICATE", signal, environ) in environ)


def _insecure(environ: Mapping[str, str], signal: str) -> str:
    return environ.get(variable_of("INSECURE", signal, environ), "").strip().lower()


def variable_of(what: str, signal: str, environ: Mapping[str, str] = os.environ) -> str:
    """The variable for ``what``: the signal's own where it is set, else the one of all signals."""
    own = f"{_PREFIX}{signal.upper()}_{what}"
    return own if environ.get(own, "").strip() else f"{_PREFIX}{what}"


def _timeout(environ: Mapping[str, str], signal: str) -> float:
    def parse(text: str) -> float:
        value = seconds(text)
        if not 0 < value < float("inf"):
            raise ValueError(text)
        return value

    return read(environ, variable_of("TIMEOUT", signal, environ), parse, f"seconds above 0, also {A_UNIT}", 10.0)


def _compression(environ: Mapping[str, str], signal: str, protocol: Protocol) -> str:
    kinds = ("gzip", "none") if protocol == GRPC else ("gzip", "deflate", "none")

    def parse(text: str) -> str:
        lowered = text.strip().lower()
        if lowered not in kinds:
            raise ValueError(text)
        return lowered

    return read(environ, variable_of("COMPRESSION", signal, environ), parse, " or ".join(kinds), "none")
