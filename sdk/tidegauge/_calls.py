"""The calls of one decorated function: begun, read, and where they are not recorded, remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from opentelemetry import context as otel_context

from tidegauge._arguments import Parameters, feature_finder, follow, path_finder
from tidegauge._latest import remember
from tidegauge._model import Model, ModelSpec
from tidegauge._options import Options
from tidegauge._pipeline import Pipeline
from tidegauge._prediction import Prediction
from tidegauge._process import PROCESS

_SUPPRESS: Final = otel_context._SUPPRESS_INSTRUMENTATION_KEY
_SUPPRESS_OLD: Final = "suppress_instrumentation"  # opentelemetry-instrumentation's own spelling

_Arguments: TypeAlias = tuple[
    Callable[..., Any],
    ModelSpec,
    Options,
    str | Callable[..., Any] | None,
    str | Callable[[Any], Any] | None,
    str | Callable[..., Any] | None,
]


class Calls:
    """One decorated function.

    It is pickled as what it was made from. What unpickles it goes by the pipeline of its own process.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        spec: ModelSpec,
        options: Options,
        features: str | Callable[..., Any] | None,
        output: str | Callable[[Any], Any] | None,
        prediction_id: str | Callable[..., Any] | None,
    ) -> None:
        self.function = function
        self._arguments: _Arguments = (function, spec, options, features, output, prediction_id)
        self._spec = spec
        self._options = options
        self._find_features = feature_finder(function, features)
        self._find_output = output if callable(output) else _path(output)
        parameters = Parameters.of(function)
        self._find_id: Callable[[tuple[Any, ...], Mapping[str, Any]], Any] | None = None
        if callable(prediction_id):
            chosen = prediction_id
            self._find_id = lambda args, kwargs: chosen(*args[parameters.offset :], **kwargs)
        elif prediction_id is not None and prediction_id.partition(".")[0] in parameters.named:
            self._find_id = path_finder(parameters, prediction_id, "prediction_id")
        self._bound: tuple[Pipeline, Model, Options] | None = None
        PROCESS.prepare()

    def __getstate__(self) -> _Arguments:
        return self._arguments

    def __setstate__(self, arguments: _Arguments) -> None:
        self.__init__(*arguments)  # type: ignore[misc]

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Prediction | Unrecorded:
        """Start a call."""
        pipeline = PROCESS.pipeline or PROCESS.current()
        if pipeline is None or _is_suppressed():
            return Unrecorded(self, args, kwargs)
        try:
            bound = self._bound
            if bound is None or bound[0] is not pipeline:
                bound = self._bound = (pipeline, pipeline.model(self._spec), self._options.completed(pipeline.settings))
            call = Prediction(*bound)
        except BaseException as error:
            pipeline.safety.failed("begin", error)
            return Unrecorded(self, args, kwargs)
        self._capture(call, args, kwargs)
        return call

    def read(self, call: Prediction | Unrecorded, result: Any) -> None:
        """Take the output of a call."""
        if isinstance(call, Unrecorded):
            call.results.append(result)
            return
        if self._find_output is not None:
            try:
                result = self._find_output(result)
            except BaseException as error:
                call.note_failure("output", error)
                return
        call.output(result)

    def make(self, idle: Pipeline, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Prediction:
        """The prediction of a call that is not recorded."""
        try:
            call = Prediction(idle, idle.model(self._spec), self._options.completed(idle.settings))
        except BaseException as error:
            idle.safety.failed("begin", error)
            call = Prediction(idle, Model(ModelSpec(self._spec.name, self._spec.version)), Options())
        self._capture(call, args, kwargs)
        return call

    def _capture(self, call: Prediction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        try:
            call.features(self._find_features(args, kwargs))
            if self._find_id is not None:
                call.set_ids(self._find_id(args, kwargs))
        except BaseException as error:
            call.note_failure("capture", error)


class Unrecorded:
    """A call while the SDK is switched off or suppressed: it becomes a `Prediction` when its receipt is asked for.

    Args:
        calls: of the function that was called.
        args: what it was given by place.
        kwargs: what it was given by name.

    Attributes:
        results: what it returned.
    """

    __slots__ = ("_args", "_calls", "_idle", "_kwargs", "_time", "results")

    def __init__(self, calls: Calls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._calls, self._args, self._kwargs = calls, args, kwargs
        self.results: list[Any] = []
        self._idle = PROCESS.idle()
        self._time: int | None = None
        try:
            self._time = self._idle.clock()
        except BaseException as error:
            self._idle.safety.failed("begin", error)

    def attach(self) -> None:
        """Let it be the latest call from its beginning."""
        remember(self._made)

    def detach(self) -> None:
        """There is nothing to give back."""

    def stop(self, aside: bool = False) -> None:
        """The call ended."""
        if not aside:
            remember(self._made)

    def fail(self, error: BaseException, aside: bool = False) -> None:
        """The call ended with ``error``, which goes on to the caller."""
        self.stop(aside)

    def _made(self) -> Prediction:
        call = self._calls.make(self._idle, self._args, self._kwargs)
        if self._time is not None:
            call.time = self._time
        for result in self.results:
            self._calls.read(call, result)
        return call


def active_pipeline() -> Pipeline | None:
    """The pipeline in use; None when the SDK is switched off or instrumentation is suppressed."""
    return None if _is_suppressed() else PROCESS.current()


def _is_suppressed() -> bool:
    context = otel_context.get_current()
    return bool(context.get(_SUPPRESS) or context.get(_SUPPRESS_OLD))


def _path(path: str | None) -> Callable[[Any], Any] | None:
    if path is None:
        return None
    names = path.split(".")
    return lambda result: follow(result, names)
