"""What was predicted for the rows of a call, as receipts and events tell it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tidegauge._class_scores import score_codes
from tidegauge._output import Output
from tidegauge._table import segments_of, tables
from tidegauge.receipt import Receipt

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction


def made(call: Prediction, rows: Iterable[int]) -> list[Receipt]:
    """What ``call`` predicted for some of its rows."""
    (trace_id, span_id), out, own_ids = call.identity, call.outputs or Output(), call.own_ids
    segments, scores = _segments(call), score_codes(out, call.model)
    return [
        Receipt(
            call.model.name,
            call.model.version,
            call.time,
            row,
            trace_id,
            span_id,
            None if out.classes is None else out.classes[row],
            None if out.scores is None else out.scores[row],
            None if out.values is None else out.values[row],
            segments[row] if segments else (),
            own_ids[row] if own_ids is not None and row < len(own_ids) else None,
            call.model.task == "ranking",
            scores[row] if scores else None,
        )
        for row in rows
    ]


def _segments(call: Prediction) -> list[tuple[tuple[str, str], ...]]:
    names = call.options.segments
    if not names or call.inputs is None or not call.inputs.rows:
        return []
    return segments_of(tables([call])[0], names)
