"""OTLP over HTTP: one attempt, and what its failure means; imported only where HTTP is used.

OpenTelemetry's own exporters log each attempt, try again what no attempt can mend, and tell neither why nor whether a
failure is for good.
"""

from __future__ import annotations

import email.utils
import gzip
import netrc  # noqa: F401 - requests imports it in the thread that sends, which is no good where others fork
import time
import zlib
from collections.abc import Callable
from http.client import responses
from typing import Any, Final

import requests

from tidegauge._export.credentials import USER_AGENT, certificates, headers, provided
from tidegauge._export.endpoint import Endpoint
from tidegauge._export.otlp import exporter_of
from tidegauge._export.reasons import Reasons
from tidegauge._outbox import RefusedError

_RETRYABLE: Final = (429, 502, 503, 504)
_CAUSES: Final = {401: "credentials", 403: "rights", 404: "path", 405: "path", 413: "size"}
_COMPRESSED: Final[dict[str, Callable[[bytes], bytes]]] = {"gzip": gzip.compress, "deflate": zlib.compress}


def exporter(endpoint: Endpoint) -> Any:
    """The exporter for ``endpoint``.

    Raises:
        ConfigurationError: credentials that the environment asks for are not there.
    """
    return exporter_of(HttpWire(endpoint), endpoint)


class HttpWire:
    """Sends requests of one signal.

    Args:
        endpoint: where they go.

    Raises:
        ConfigurationError: credentials that the environment asks for are not there.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        files = certificates(endpoint.signal)
        self._endpoint = endpoint
        self._session = provided("HTTP", endpoint.signal, requests.Session) or requests.Session()
        self._authority = files.authority
        if files.client:
            self._session.cert = (files.client, files.key) if files.key else files.client
        given = {"content-type": "application/x-protobuf", "user-agent": USER_AGENT}
        self._headers = {**given, **headers(endpoint.signal)}
        self._compress = _COMPRESSED.get(endpoint.compression)
        if self._compress is not None:
            self._headers["content-encoding"] = endpoint.compression
        self._reasons = Reasons(endpoint, files.authority)
        self._answered = False

    def send(self, data: bytes, timeout: float) -> None:
        """Make one attempt of ``timeout`` seconds.

        Raises:
            UnsentError: it failed this time.
            RefusedError: it can never be sent.
        """
        body = data if self._compress is None else self._compress(data)
        try:
            response = self._post(body, timeout)
        except requests.ReadTimeout:
            raise self._reasons.late() from None
        except (requests.RequestException, OSError) as error:
            raise self._reasons.unanswered(_sign(error)) from None
        self._answered = True
        if not 200 <= response.status_code < 300:
            raise self._failure(response)

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def _post(self, body: bytes, timeout: float) -> requests.Response:
        try:
            return self._post_once(body, timeout)
        except requests.ConnectionError as error:
            if not self._answered or isinstance(error, requests.Timeout):
                raise
        return self._post_once(body, timeout)  # a connection that was kept open may have been closed by the other side

    def _post_once(self, body: bytes, timeout: float) -> requests.Response:
        end = self._endpoint
        return self._session.post(
            end.url,
            data=body,
            headers=self._headers,
            timeout=timeout,
            allow_redirects=False,
            verify=self._authority,  # said of the session, REQUESTS_CA_BUNDLE would go before it
        )

    def _failure(self, response: requests.Response) -> Exception:
        status = response.status_code
        said = f"{status} {responses.get(status, '')}".strip()
        if status in _RETRYABLE:
            return self._reasons.busy(said, _pause(response.headers.get("retry-after", "")))
        cause = "redirect" if 300 <= status < 400 else _CAUSES.get(status, "")
        return RefusedError(f"refused_{status}", self._reasons.refused(said, cause))


def _sign(error: BaseException) -> str:
    """Names of the exceptions that led to this one, latest first: the same for the same failure."""
    names = []
    cause: BaseException | None = error
    while cause is not None:
        names.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return " ".join(names)


def _pause(text: str) -> float:
    """Seconds that the receiver asks to be left alone, given as such or as a date (RFC 9110, 10.2.3); 0 without."""
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return 0.0
