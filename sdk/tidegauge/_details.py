"""The details of a call: of each row its features and what came out, for an event of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegauge._describe import MOST_ROWS
from tidegauge._events import Details
from tidegauge._snapshot import first_rows

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction
    from tidegauge._safety import Safety


def details_of(call: Prediction, safety: Safety) -> list[Details]:
    """Details of each row of ``call``; of the first 1,000 of a larger batch, and ``safety`` counts the others.

    A call that failed before its features were known has one, which says so.
    """
    if call.rows > MOST_ROWS:
        safety.dropped("details_rows", call.rows - MOST_ROWS)
    rows = min(call.rows, MOST_ROWS) if call.error is None else min(max(call.rows, 1), MOST_ROWS)
    shown = [call.options.values(row) for row in first_rows(call.inputs, MOST_ROWS)] if call.inputs is not None else []
    shown = shown or [([], [])] * rows
    sampled = call.span.get_span_context().trace_flags.sampled
    return [
        Details(made, call.model.task, names, values, call.error, sampled)
        for made, (names, values) in zip(call.made(range(rows)), shown, strict=True)
    ]
