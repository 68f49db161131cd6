"""The answer to an export request: what could not be taken of it.

The three responses of OTLP differ in the names of their fields only, not in the bytes: field 1 is ``partial_success``,
and in it field 1 the number of rejected records and field 2 the reason. So one of the three classes does for all.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse


def write(rejected: int, reason: str) -> bytes:
    """Response to a request of which ``rejected`` records were left out, for ``reason``.

    A complete success leaves ``partial_success`` unset, as the specification demands.

    >>> write(0, ""), read(write(2, "no model name"))
    (b'', (2, 'no model name'))
    """
    response = ExportTraceServiceResponse()
    if rejected:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = reason
    return response.SerializeToString()


def read(response: bytes) -> tuple[int, str]:
    """How many records the receiver left out, and why; a reason without a number is a warning.

    What is not such a response came with a success all the same, so it says nothing more than that.

    >>> read(b"not protobuf")
    (0, '')
    """
    try:
        partial = ExportTraceServiceResponse.FromString(response).partial_success
    except DecodeError:
        return 0, ""
    return partial.rejected_spans, partial.error_message
