"""`record_outcome`: what really happened, said weeks later and from any process."""

from __future__ import annotations

import math
import numbers
from typing import Any, overload

import numpy as np

from tidegauge._events import Feedback
from tidegauge._model import Model
from tidegauge._process import PROCESS
from tidegauge.columns import category, is_missing
from tidegauge.errors import CaptureError, ConfigurationError
from tidegauge.receipt import decode

_CLASSIFYING = ("binary", "multiclass", "anomaly")


@overload
def record_outcome(receipt: str, /, *, actual: Any) -> None: ...
@overload
def record_outcome(*, prediction_id: str, model: str, version: str, actual: Any) -> None: ...
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

    The event is queued and sent in batches. With a full queue the call waits for room, up to the setting
    ``outcome_wait``, and then the batch is dropped and counted.

    Args:
        receipt: what the prediction handed out.
        actual: the true class (text, number or boolean) or the true number.
        prediction_id: the caller's own key, instead of a receipt.
        model: name of the model that the key belongs to.
        version: its version.

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
    if (receipt is None) == (prediction_id is None) or (prediction_id is not None and not (model and version)):
        raise ConfigurationError("an outcome needs a receipt, or prediction_id= with model= and version=")
    now = 0 if pipeline is None else pipeline.clock()
    if receipt is not None:
        made = decode(receipt, (pipeline or PROCESS.idle()).settings.receipt_key)
        known = None if pipeline is None else pipeline.known_model(made.model, made.version)
        number = made.klass is None and (made.value is not None or made.score is None)
        feedback = Feedback(
            now,
            _actual(actual, known, made.klass, number),
            made,
            made.model,
            made.version,
            made.prediction_id,
            None if known is None else known.task,
        )
    else:
        known = None if pipeline is None else pipeline.known_model(str(model), str(version))
        number = known is None or known.task not in _CLASSIFYING
        feedback = Feedback(
            now,
            _actual(actual, known, None, number),
            None,
            str(model),
            str(version),
            str(prediction_id),
            None if known is None else known.task,
        )
    if pipeline is not None:
        pipeline.record_feedback(feedback)


def _actual(actual: Any, model: Model | None, predicted: str | None, number: bool) -> str | float:
    if isinstance(actual, np.ndarray) and actual.ndim == 0:
        actual = actual.item()
    if is_missing(actual):
        raise CaptureError("an outcome must not be missing: record it when it is known")
    if number and isinstance(actual, numbers.Real | np.bool_):
        value = float(actual)
        if not math.isfinite(value):
            raise CaptureError(f"an outcome must be finite, not {value}")
        return value
    if predicted in ("0", "1") and isinstance(actual, bool | np.bool_):
        return str(int(actual))
    spelled = category(actual)
    if spelled is None:
        raise CaptureError(f"an outcome is a class or a number, not {type(actual).__name__}")
    return spelled if model is None else model.reader.label(actual)
