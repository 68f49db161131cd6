"""Attributions of a sample of calls: what each feature added to a prediction, as the user's own explainer says.

Explaining may take a thousand times as long as predicting, so no call waits for it. The span of a chosen call is kept
open, with its end noted, and a thread of its own explains the call, puts the attributions on the span and ends it at
the time noted. What does not fit into the queue is not explained and counted; its span ends at once. A replay runs
faster than life and nobody is being served, so there, and only there, a call is explained before it returns.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge import semconv
from tidegauge._outbox import suppressed
from tidegauge._safety import Safety
from tidegauge._snapshot import Frame, Matrix, Row, Rows
from tidegauge.columns import listed, unmasked
from tidegauge.errors import CaptureError, ConfigurationError

if TYPE_CHECKING:
    from tidegauge._model import Model
    from tidegauge._prediction import Prediction

Columns = dict[str, NDArray[np.float64]]
"""Attributions by feature, one a row; NaN where a row has none."""

DEFAULT_RATE: Final = 0.01
_MOST_ROWS: Final = 10_000
_MOST_ON_SPAN: Final = 100
_DRAWN: Final = 1 << 64
_MIXING: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, eq=False)
class Explain:
    """How calls are explained.

    Args:
        function: takes the features of a call and gives attributions.
        rate: share of the calls that are explained, above 0 and at most 1.
    """

    function: Callable[[Any], Any]
    rate: float

    def chooses(self, trace_id: int, span_id: int) -> bool:
        """Whether a call is in the sample: the same call always is or never is, whatever else is sampled.

        >>> explain = Explain(len, 0.25)
        >>> sum(explain.chooses(1, span) for span in range(10_000))
        2501
        """
        return (trace_id + span_id) * _MIXING % _DRAWN < self.rate * _DRAWN


def explain_option(function: Any, rate: float | None) -> Explain | None:
    """The options ``explain=`` and ``explain_rate=`` as one.

    Raises:
        ConfigurationError: one of them is wrong.
    """
    if function is None:
        if rate is not None:
            raise ConfigurationError("explain_rate= needs explain=, which explains a call")
        return None
    if not callable(function):
        raise ConfigurationError(f"explain= is a callable that takes features and gives attributions, not {function!r}")
    rate = DEFAULT_RATE if rate is None else rate
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1:
        raise ConfigurationError(f"explain_rate= is the share of calls to explain, above 0 and at most 1, not {rate!r}")
    return Explain(function, float(rate))


@dataclass(frozen=True, slots=True)
class Explanation:
    """A call that was explained; it waits to be summarised as calls do."""

    call: Prediction
    columns: Columns
    time: int
    identified: ClassVar[tuple[()]] = ()
    own_rows: ClassVar[int] = 0

    @property
    def rows(self) -> int:
        """Rows explained."""
        return self.call.rows

    @property
    def model(self) -> Model:
        """The model that was called."""
        return self.call.model


class Explainer:
    """A bounded queue of calls to explain, and the thread that does it; safe in threads.

    Args:
        record: takes what was explained.
        clock: tells the time.
        safety: counts failures and drops.
        inline: explain at once, in the thread of the call.
    """

    def __init__(
        self, record: Callable[[Explanation], None], clock: Callable[[], int], safety: Safety, inline: bool
    ) -> None:
        self._record = record
        self._clock = clock
        self._safety = safety
        self._inline = inline
        self._changed = threading.Condition()
        self._queue: deque[Prediction] = deque()
        self._rows = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    def take(self, call: Prediction) -> None:
        """Explain ``call`` and end its span, now or soon; never raises, and waits only when ``inline``."""
        if self._stopping:
            call.end_span()
        elif self._inline:
            with suppressed():
                self._explain(call)
        elif not self._admit(call):
            self._safety.dropped("explain_queue_full", call.rows)
            call.end_span()

    def drain(self, timeout: float) -> bool:
        """Wait until everything is explained; False when that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue, timeout)

    def stop(self) -> None:
        """End the thread; calls that still wait are not explained."""
        with self._changed:
            self._stopping = True
            left = list(self._queue)[1:] if self._thread is not None else list(self._queue)
            for _ in left:
                self._rows -= self._queue.pop().rows
            self._changed.notify_all()
        for call in left:
            self._safety.dropped("explain_stopped", call.rows)
            call.end_span()

    def _admit(self, call: Prediction) -> bool:
        with self._changed:
            if self._stopping or (self._rows and self._rows + call.rows > _MOST_ROWS):
                return False
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="tidegauge-explain", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the interpreter is ending
                    self._safety.failed("thread", error)
                    return False
                self._thread = thread
            self._queue.append(call)
            self._rows += call.rows
            self._changed.notify_all()
            return True

    def _run(self) -> None:
        with suppressed():
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._queue or self._stopping)
                    if not self._queue:
                        return
                    call = self._queue[0]
                self._explain(call)
                with self._changed:
                    self._queue.popleft()
                    self._rows -= call.rows
                    self._changed.notify_all()

    def _explain(self, call: Prediction) -> None:
        columns: Columns = {}
        try:
            columns = attributions_of(call)
            if call.rows == 1 and call.options.capture != "none" and call.span.is_recording():
                _describe(call, columns)
        except BaseException as error:
            self._safety.failed("explain", error, lost=call.rows)
        finally:
            call.end_span()
        if columns:
            self._record(Explanation(call, columns, self._clock()))


def attributions_of(call: Prediction) -> Columns:
    """Run the explainer on the features of ``call``; what must not leave the process is left out.

    Raises:
        CaptureError: what it gave cannot be understood.
    """
    options, inputs = call.options, call.inputs
    if options.explain is None or inputs is None:
        return {}
    names = list(inputs.names) if isinstance(inputs, Matrix | Frame) else _names(inputs)
    own = [name for name in names if name != options.id_column]
    known = [list(many) for many in (call.model.names, own) if many]
    columns = read_attributions(options.explain.function(inputs.data), call.rows, known)
    hidden = options.aside | options.hash
    return {name: values for name, values in columns.items() if name not in hidden}


def read_attributions(found: Any, rows: int, known: Sequence[Sequence[str]]) -> Columns:
    """Understand what an explainer gave for so many rows.

    Args:
        found: by name, a number or one a row; a list of such for the rows; or an array of shape ``(features,)`` or
            ``(rows, features)`` in the order of the features, with or without a base value behind them.
        rows: rows that were explained.
        known: names that the columns of an array may have; the first that fit are theirs.

    Raises:
        CaptureError: it is none of these.

    >>> read_attributions([0.5, -0.25, 0.1], 1, [["age", "income"]])
    {'age': array([0.5]), 'income': array([-0.25])}
    """
    if isinstance(found, Mapping):
        columns = {str(name): np.atleast_1d(_numbers(values)) for name, values in found.items()}
        if any(values.shape != (rows,) for values in columns.values()):
            raise CaptureError(f"attributions by name are one number a row, for {rows} rows")
        return columns
    items = listed(found)
    if items and all(isinstance(row, Mapping) for row in items):
        if len(items) != rows:
            raise CaptureError(f"{len(items)} attributions were given for {rows} rows")
        named = dict.fromkeys(name for row in items for name in row)
        return {str(name): _numbers([row.get(name, np.nan) for row in items]) for name in named}
    table = _numbers(found if items is None else items)
    if table.ndim == 1 and rows == 1:
        table = table[np.newaxis]
    if table.ndim != 2 or table.shape[0] != rows:
        raise CaptureError(f"attributions have the shape {table.shape}, not ({rows}, features)")
    for width in (table.shape[1], table.shape[1] - 1):  # libraries put a base value behind the features
        for names in known:
            if len(names) == width:
                return dict(zip(names, table.T, strict=False))
    raise CaptureError(f"{table.shape[1]} attributions a row fit no known list of features: give them by name")


def _numbers(values: Any) -> NDArray[np.float64]:
    return unmasked(np.asanyarray(values)).astype(np.float64)


def _names(inputs: Row | Rows) -> list[str]:
    rows = [inputs.data] if isinstance(inputs, Row) else inputs.data
    return list(dict.fromkeys(name for row in rows for name in row))


def _describe(call: Prediction, columns: Columns) -> None:
    """Put the attributions of the one row on its span, the largest first."""
    found = [(name, float(values[0])) for name, values in columns.items() if np.isfinite(values[0])]
    found.sort(key=lambda item: -abs(item[1]))
    call.span.set_attribute(semconv.ATTRIBUTION_NAMES, [name for name, _ in found[:_MOST_ON_SPAN]])
    call.span.set_attribute(semconv.ATTRIBUTION_VALUES, [value for _, value in found[:_MOST_ON_SPAN]])
