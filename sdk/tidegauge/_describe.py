"""What the span of a call says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import StatusCode

from tidegauge import semconv
from tidegauge._snapshot import Frame, Matrix, Rows, only_row

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction

MOST_ROWS: Final = 1_000
"""Rows of a batch whose outputs a span carries, or of which details are sent."""


def describe(call: Prediction, error: BaseException | None) -> None:
    """Set the attributes of the span of ``call``, which ended with ``error`` or well."""
    options = call.options
    attributes: dict[str, Any] = {semconv.BATCH_SIZE: call.rows} if call.rows else {}
    if call.error is not None:
        attributes[semconv.ERROR_TYPE] = call.error
        call.span.set_status(StatusCode.ERROR)  # an exception's text may quote values, so it is opt-in too
        if options.capture == "values" and error is not None:
            call.span.record_exception(error)
    if options.capture != "none":
        inputs = call.inputs
        row = only_row(inputs)
        if row is not None:
            features, missing, violations = call.model.check.look(row, options.aside, options.excused)
            attributes[semconv.FEATURES_COUNT] = features
            attributes[semconv.FEATURES_MISSING] = missing
            if violations:
                attributes[semconv.FEATURES_VIOLATIONS] = violations
            if options.capture == "values":
                attributes[semconv.FEATURE_NAMES], attributes[semconv.FEATURE_VALUES] = options.values(row)
        elif isinstance(inputs, Rows):
            attributes[semconv.FEATURES_COUNT] = len(inputs.data[0]) if inputs.rows else 0
        elif isinstance(inputs, Matrix | Frame):
            attributes[semconv.FEATURES_COUNT] = len(inputs.names)
        _describe_output(call, attributes)
    call.span.set_attributes(attributes)


def _describe_output(call: Prediction, attributes: dict[str, Any]) -> None:
    if call.own_ids is not None and len(call.own_ids) == 1 and call.own_ids[0] is not None:
        attributes[semconv.PREDICTION_ID] = call.own_ids[0]
    outputs = call.outputs
    if outputs is None or call.rows > MOST_ROWS:
        return
    one = call.rows == 1
    if outputs.classes is not None and one:
        if outputs.classes[0] is not None:
            attributes[semconv.PREDICTION_CLASS] = outputs.classes[0]
    elif outputs.classes is not None:
        attributes[semconv.PREDICTION_CLASSES] = [name or "" for name in outputs.classes]
    if outputs.scores is not None:
        attributes[semconv.PREDICTION_SCORE if one else semconv.PREDICTION_SCORES] = (
            outputs.scores[0] if one else outputs.scores
        )
    if outputs.values is not None:
        attributes[semconv.PREDICTION_VALUE if one else semconv.PREDICTION_VALUES] = (
            outputs.values[0] if one else outputs.values
        )
