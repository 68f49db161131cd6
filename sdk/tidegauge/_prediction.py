"""`Prediction`: the one object of one call. It owns the span, the timing, the input and the output.

Decorators of every kind, the context manager and later the instrumentors use it in the same way: ``start``, then
``stop`` with the output or ``fail`` with the exception. None of these raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from opentelemetry import context as otel_context
from opentelemetry import trace

from tidegauge._describe import describe
from tidegauge._identity import own_identity
from tidegauge._latest import remember, set_mark
from tidegauge._made import made
from tidegauge._output import Output
from tidegauge._snapshot import Snapshot, snapshot
from tidegauge._table import tables
from tidegauge.columns import as_array, is_missing, key_text, listed
from tidegauge.errors import CaptureError, ReceiptError
from tidegauge.receipt import Receipt, encode

if TYPE_CHECKING:
    from types import TracebackType

    from tidegauge._model import Model
    from tidegauge._options import Options
    from tidegauge._pipeline import Pipeline


class Prediction:
    """One call of a model.

    Made by `tidegauge.monitor` and `tidegauge.prediction`, not by hand.
    """

    __slots__ = (
        "_began",
        "_ids",
        "_model",
        "_options",
        "_pipeline",
        "_started",
        "_stopped",
        "_token",
        "duration",
        "error",
        "flawed",
        "inputs",
        "outputs",
        "own_ids",
        "recording",
        "rows",
        "span",
        "time",
    )

    def __init__(self, pipeline: Pipeline, model: Model, options: Options) -> None:
        self._pipeline = pipeline
        self._model = model
        self._options = options
        self._ids: tuple[int, int] | None = None
        self._token: Any = None
        self._stopped = False
        self.inputs: Snapshot | None = None
        self.outputs: Output | None = None
        self.own_ids: list[str | None] | None = None
        self.rows = 0
        self.flawed = False
        self.error: str | None = None
        self.duration = 0
        self._started = self.time = pipeline.clock()
        try:
            self.span = pipeline.tracer.start_span(
                model.span_name, attributes=model.span_attributes, start_time=self._started
            )
        except BaseException as error:
            pipeline.safety.failed("span", error)
            self.span = trace.INVALID_SPAN
        self.recording = self.span.is_recording()
        if not self.recording:
            self._ids = own_identity(self.span)
        self._began = pipeline.timer()

    @property
    def model(self) -> Model:
        """The model that was called."""
        return self._model

    @property
    def options(self) -> Options:
        """What the decorator said about capturing."""
        return self._options

    @property
    def identity(self) -> tuple[int, int]:
        """Trace id and span id of this call; drawn at random where there is no trace."""
        if self._ids is None:
            context = self.span.get_span_context()
            self._ids = context.trace_id, context.span_id
        return self._ids

    # --- what the user does in a `with` block -----------------------------------------------------------------------

    def features(self, rows: Any) -> None:
        """Say what goes into the model: one row or a batch, in any form that the decorator understands too."""
        try:
            names = self._options.names or self._model.names
            if self._options.names is None and names is not None:
                shape = getattr(rows, "shape", None)
                if shape and shape[-1] != len(names):
                    names = None
            inputs = snapshot(rows, names)
            if self.outputs is not None and self.outputs.rows != inputs.rows:
                raise CaptureError(_unequal("predictions", self.outputs.rows, inputs.rows, "output"))
            self.inputs = inputs
            self.rows = inputs.rows
            if self._options.id_column is not None and self.rows and self.own_ids is None:
                table = tables([self])[0]
                if self._options.id_column in table.names:
                    self.set_ids(list(table.column(self._options.id_column)))
        except BaseException as error:
            self.note_failure("capture", error)

    def output(self, result: Any) -> None:
        """Say what the model returned; ``output=`` of the decorator has been applied to it where it was given."""
        try:
            understood = self._model.reader.read(result, self.rows or None)
            if understood is not None and self.rows and understood.rows != self.rows:
                raise CaptureError(_unequal("predictions", understood.rows, self.rows, "output"))
            self.outputs = understood
            if understood is not None:
                self.rows = understood.rows
            if self.own_ids is not None and self.rows and len(self.own_ids) != self.rows:
                ids, self.own_ids = len(self.own_ids), None
                raise CaptureError(_unequal("prediction ids", ids, self.rows, "prediction_id"))
        except BaseException as error:
            self.note_failure("output", error)

    def set_ids(self, ids: Any) -> None:
        """Give the rows keys of the application's own: one key, or one for each row.

        A row whose key is missing keeps the identity that the call gives it.

        Raises:
            CaptureError: there are not as many keys as rows.
        """
        many = listed(ids) is not None or getattr(ids, "ndim", 0) > 0
        keys = as_array(ids).tolist() if many else [ids]
        if self.rows and len(keys) != self.rows:
            raise CaptureError(_unequal("prediction ids", len(keys), self.rows, "prediction_id"))
        self.own_ids = [None if is_missing(key) else key_text(key) for key in keys]

    @property
    def own_rows(self) -> int:
        """Rows to count where the call is lost: one where nobody knows how many."""
        return max(self.rows, 1)

    def note_failure(self, stage: str, error: BaseException, lost: int = 0) -> None:
        """Count something that went wrong on our side, and the rows that are lost with it."""
        self.flawed = True
        self._pipeline.safety.failed(stage, error, lost=lost)

    def note_unreadable(self) -> None:
        """Count the rows as lost since neither input nor output could be read."""
        self._pipeline.safety.dropped("unreadable", self.own_rows)

    @property
    def receipt(self) -> str:
        """Receipt of the one row of this call, to be stored and handed to `record_outcome`.

        Raises:
            ReceiptError: the texts in it are too long, or the batch is empty.
        """
        if self._is_empty:
            raise ReceiptError("an empty batch has no receipt")
        return encode(self.made([0])[0], self._pipeline.settings.receipt_key)

    @property
    def receipts(self) -> list[str]:
        """Receipts of all rows, in their order; none for an empty batch.

        Raises:
            ReceiptError: the texts in one are too long.
        """
        each = [] if self._is_empty else self.made(range(max(self.rows, 1)))
        return [encode(one, self._pipeline.settings.receipt_key) for one in each]

    @property
    def identified(self) -> list[Receipt]:
        """What was predicted for the rows that have a key of the application's own."""
        if self.own_ids is None or self.error is not None or len(self.own_ids) != self.rows:
            return []
        return self.made([row for row, key in enumerate(self.own_ids) if key is not None])

    def made(self, rows: Iterable[int]) -> list[Receipt]:
        """What was predicted for some of the rows."""
        return made(self, rows)

    # --- life -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Prediction:
        self.attach()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None:
            self.stop()
        else:
            self.fail(error)

    def attach(self) -> None:
        """Make the span the current one of this context; no earlier prediction is the latest from here on."""
        set_mark()
        self._token = otel_context.attach(trace.set_span_in_context(self.span))

    def detach(self) -> None:
        """Give the context back what it had."""
        if self._token is not None:
            otel_context.detach(self._token)
            self._token = None

    def stop(self, aside: bool = False) -> None:
        """The call ended well: finish the span and hand the rows on.

        Args:
            aside: leave the latest prediction as it is.
        """
        self._end(None, aside)

    def fail(self, error: BaseException, aside: bool = False) -> None:
        """The call ended with ``error``, which goes on to the caller."""
        self._end(error, aside)

    def _end(self, error: BaseException | None, aside: bool) -> None:
        if self._stopped:
            self.detach()
            return
        self._stopped = True
        pipeline = self._pipeline
        explained = False
        try:
            self.duration = max(pipeline.timer() - self._began, 0)
            self.detach()
            if error is not None:
                kind = type(error)
                self.error = (
                    kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
                )
                self.outputs = None
            try:
                self.time = pipeline.clock()
                if self.recording:
                    describe(self, error)
                explain = self._options.explain
                explained = bool(explain and error is None and self.rows and explain.chooses(*self.identity))
            finally:  # a span without attributes is better than none
                if not explained:
                    self.end_span()
        except BaseException as problem:
            pipeline.safety.failed("span", problem)
        pipeline.record(self)
        if explained:
            pipeline.explainer.take(self)
        if not aside:
            remember(self)  # last, for an explainer may call models too

    def end_span(self) -> None:
        """End the span at the time at which the call ended; never raises."""
        try:
            self.span.end(end_time=self._started + self.duration)
        except BaseException as error:
            self._pipeline.safety.failed("span", error)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Prediction stays in the process that made it: hand on its receipt or receipts")

    # --- receipts ---------------------------------------------------------------------------------------------------

    @property
    def _is_empty(self) -> bool:
        return not self.rows and (self.inputs is not None or self.outputs is not None)


def _unequal(what: str, found: int, rows: int, option: str) -> str:
    return f"{found} {what} for {rows} rows: give one for each row, or say by {option}= where they are"
