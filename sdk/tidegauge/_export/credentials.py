"""Who we are and whom we trust, by OpenTelemetry's environment variables: headers, certificates, providers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any, Final

from opentelemetry.util.re import parse_env_headers

from tidegauge._environment import fell_back
from tidegauge._export.endpoint import variable_of
from tidegauge.errors import ConfigurationError

USER_AGENT: Final = f"tidegauge/{version('tidegauge')}"
"""How we call ourselves in requests."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of certificates; None: the usual authorities are trusted, and nobody is told who we are.

    Attributes:
        authority: that signed the receiver's certificate.
        client: our own certificate.
        key: our own key.
    """

    authority: str | None
    client: str | None
    key: str | None


def certificates(signal: str) -> Certificates:
    """The files that the environment names; one that cannot be read is left out, with a line."""
    return Certificates(*(_file(signal, what) for what in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")))


def headers(signal: str) -> dict[str, str]:
    """Headers of each request, with names in small letters; one that cannot be sent is left out, with a line."""
    variable = variable_of("HEADERS", signal)
    found = parse_env_headers(os.environ.get(variable, ""), liberal=True)
    for name, value in found.items():
        if not _is_sendable(value):  # the value is not shown: it may be a token
            fell_back(variable, f"{name}=***", "values of letters, digits and signs of ASCII", f"no header {name}")
    return {name: value for name, value in found.items() if _is_sendable(value)}


def provided(protocol: str, signal: str, kind: type) -> Any:
    """What an installed provider of credentials gives, as OpenTelemetry's exporters use them; None without one.

    Args:
        protocol: ``GRPC`` or ``HTTP``.
        signal: whose credentials.
        kind: what the provider has to give.

    Raises:
        ConfigurationError: the provider is not there, or gives something else.
    """
    start = f"OTEL_PYTHON_EXPORTER_OTLP_{protocol}_"
    variables = [f"{start}{signal.upper()}_CREDENTIAL_PROVIDER", f"{start}CREDENTIAL_PROVIDER"]
    variable = next((variable for variable in variables if os.environ.get(variable)), None)
    if variable is None:
        return None
    name = os.environ[variable]
    found = entry_points(group="opentelemetry_otlp_credential_provider", name=name)
    if not found:
        raise ConfigurationError(f"no provider of credentials {name!r} is installed: correct {variable}")
    made = next(iter(found)).load()()
    if not isinstance(made, kind):
        raise ConfigurationError(f"{name!r} gives no {kind.__module__}.{kind.__qualname__}: correct {variable}")
    return made


def _is_sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _file(signal: str, what: str) -> str | None:
    variable = variable_of(what, signal)
    path = os.environ.get(variable, "").strip()
    if not path:
        return None
    try:
        with Path(path).open("rb"):
            return path
    except OSError as error:
        fell_back(variable, path, f"a file that can be read ({error.strerror or error})", "none")
        return None
