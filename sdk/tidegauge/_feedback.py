"""`record_outcome`: what really happened, said weeks later and from any process."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from tidegauge._events import Feedback
from tidegauge._model import Model
from tidegauge._process import PROCESS
from tidegauge.columns import NUMBERS, as_double, category, is_missing
from tidegauge.errors import CaptureError, ConfigurationError
from tidegauge.receipt import Receipt, decode

if TYPE_CHECKING:
    from tidegauge._pipeline import Pipeline

_CLASSIFYING = ("binary", "multiclass", "anomaly")


@overload
def record_outcome(receipt: str, /, *, actual: Any) -> None: ...
@overload
def record_outcome(*, prediction_id: str, model: str, version: str | None = None, actual: Any) -> None: ...
def record_outcome(
    receipt: str | None = None,
    /,
    actual: Any = None,
    *,
    prediction_id: str | None = None,
    model: str | None = None,
    version: str | None = None,
) -> None:
    """Record the outcome of a prediction, by its receipt or, where only a business key exists, by that.

    A receipt needs nothing else. By a key the outcome meets its prediction in the processor, in whichever order the two
    come: that takes ``labels.join.enabled`` there, and the setting ``prediction_events`` where predictions are made.

    The event is queued and sent in batches. With a full queue the call waits for room, up to the setting
    ``outcome_wait``, and then the batch is dropped and counted.

    Args:
        receipt: what the prediction handed out.
        actual: the true class (text, number or boolean) or the true number; by a key, the class as the model names it.
        prediction_id: the caller's own key, instead of a receipt.
        model: name of the model that the key belongs to.
        version: its version; of all versions that made a prediction with this key when left out.

    Raises:
        ReceiptError: the receipt is truncated, tampered with, foreign or signed with another key.
        CaptureError: the outcome is no class and no finite number.
        ConfigurationError: neither a receipt nor a complete key was given, or both.

    Example:
        >>> import tidegauge
        >>> from tidegauge.testing import capture
        >>> with capture() as seen:
        ...     with tidegauge.prediction("credit-risk", version="7", task="binary") as p:
        ...         p.output(0.8)
        ...     tidegauge.record_outcome(p.receipt, actual=1)
        >>> seen.events[0]["attributes"]["ml.feedback.actual"]
        '1'
    """
    pipeline = PROCESS.current()
    if receipt is not None and prediction_id is not None:
        raise ConfigurationError("an outcome has a receipt or a prediction_id=, not both")
    if receipt is not None:
        feedback = feedback_by_receipt(pipeline, receipt, actual)
    elif prediction_id is not None and model:
        feedback = feedback_by_id(pipeline, str(prediction_id), model, version, actual)
    else:
        raise ConfigurationError("an outcome needs a receipt, or prediction_id= with model=")
    if pipeline is not None:
        pipeline.record_feedback(feedback)


def feedback_by_receipt(pipeline: Pipeline | None, receipt: str, actual: Any) -> Feedback:
    """The outcome of the prediction that handed out ``receipt``.

    Raises:
        ReceiptError: the receipt is truncated, tampered with, foreign or signed with another key.
        CaptureError: the outcome is no class and no finite number.
    """
    made = decode(receipt, (pipeline or PROCESS.idle()).settings.receipt_key)
    known = None if pipeline is None else pipeline.known_model(made.model, made.version)
    number = made.ranked or (made.klass is None and (made.value is not None or made.score is None))
    said = _actual(actual, known, made.klass, number)
    return _feedback(pipeline, said, made, made.model, made.version, made.prediction_id, known)


def feedback_by_id(
    pipeline: Pipeline | None, prediction_id: str, model: str, version: str | None, actual: Any
) -> Feedback:
    """The outcome of the predictions that bear a key of the application's own.

    Raises:
        CaptureError: the outcome is no class and no finite number, or the key is empty.
    """
    if not prediction_id:
        raise CaptureError("a prediction id must not be empty")
    known = None if pipeline is None else pipeline.known_model(model, version)
    number = known is None or known.task not in _CLASSIFYING
    return _feedback(pipeline, _actual(actual, known, None, number), None, model, version, prediction_id, known)


def _feedback(
    pipeline: Pipeline | None,
    actual: str | float,
    receipt: Receipt | None,
    model: str,
    version: str | None,
    prediction_id: str,
    known: Model | None,
) -> Feedback:
    now = 0 if pipeline is None else pipeline.clock()
    task = None if known is None else known.task
    if receipt is not None and receipt.ranked:
        task = "ranking"
    elif task is None and receipt is not None and receipt.klass is None and receipt.score is not None:
        task = "anomaly"  # whose scores alone come without a class
    return Feedback(now, actual, receipt, model, version, prediction_id, task)


def _actual(actual: Any, model: Model | None, predicted: str | None, number: bool) -> str | float:
    if isinstance(actual, np.ndarray) and actual.ndim == 0:
        actual = actual.item()
    if is_missing(actual):
        raise CaptureError("an outcome must not be missing: record it when it is known")
    if isinstance(actual, NUMBERS):
        value = as_double(actual)
        named = isinstance(actual, numbers.Integral) and not number  # a class may be a key too long for a double
        if not math.isfinite(value) and not named:
            raise CaptureError(f"an outcome must be finite, not {value}")
        if number:
            return value
    if predicted in ("0", "1") and isinstance(actual, bool | np.bool_):
        return str(int(actual))
    spelled = category(actual)
    if spelled is None:
        raise CaptureError(f"an outcome is a class or a number, not {type(actual).__name__}")
    return spelled if model is None else model.reader.label(actual)
