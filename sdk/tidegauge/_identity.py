"""Trace id and span id of a call that is not recorded."""

from __future__ import annotations

import secrets

from opentelemetry import trace


def own_identity(span: trace.Span) -> tuple[int, int] | None:
    """Ids for a call whose ``span`` is not its own, drawn at random; None when the span has ids of its own."""
    # Without a tracer this "span" is that of the caller, or none, and two predictions would share their identity.
    own, around = span.get_span_context(), trace.get_current_span().get_span_context()
    if own.is_valid and own.span_id != around.span_id:
        return None
    return own.trace_id or secrets.randbits(127) + 1, secrets.randbits(63) + 1
