"""The function that takes the place of a decorated one: one form for each kind of function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, Final

from opentelemetry import context as otel_context

from tidegauge._arguments import Parameters, feature_finder, follow, path_finder
from tidegauge._latest import postpone
from tidegauge._model import Model, ModelSpec
from tidegauge._options import Options
from tidegauge._pipeline import Pipeline
from tidegauge._prediction import Prediction
from tidegauge._process import PROCESS

_SUPPRESS: Final = otel_context._SUPPRESS_INSTRUMENTATION_KEY
_SUPPRESS_OLD: Final = "suppress_instrumentation"  # opentelemetry-instrumentation's own spelling
_MOST_COLLECTED: Final = 10_000


class Calls:
    """One decorated function."""

    def __init__(
        self,
        function: Callable[..., Any],
        spec: ModelSpec,
        options: Options,
        features: str | Callable[..., Any] | None,
        output: str | Callable[[Any], Any] | None,
        prediction_id: str | Callable[..., Any] | None,
    ) -> None:
        self._function = function
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

    def wrapper(self) -> Callable[..., Any]:
        """The function that takes the place of the decorated one."""
        function = self._function
        plain = inspect.isroutine(function) or isinstance(function, functools.partial)
        kind: Any = function if plain else function.__call__  # type: ignore[operator]
        wrap = self._plain
        for test, form in (
            (inspect.isasyncgenfunction, self._async_generator),
            (inspect.isgeneratorfunction, self._generator),
            (inspect.iscoroutinefunction, self._coroutine),
        ):
            if test(kind):
                wrap = form
                break
        return functools.wraps(function, updated=() if kind is not function else ("__dict__",))(wrap())

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Prediction | None:
        """Start a call; None when nothing is to be recorded."""
        pipeline = PROCESS.pipeline or PROCESS.current()
        if pipeline is None or _is_suppressed():
            self.skip(args, kwargs)
            return None
        try:
            bound = self._bound
            if bound is None or bound[0] is not pipeline:
                bound = self._bound = (pipeline, pipeline.model(self._spec), self._options.completed(pipeline.settings))
            call = Prediction(*bound)
        except Exception as error:
            pipeline.safety.failed("begin", error)
            self.skip(args, kwargs)
            return None
        self._capture(call, args, kwargs)
        return call

    def skip(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], *results: Any) -> None:
        """Note a call that is not recorded: should anybody ask for its receipt, it is made then, and only then."""
        idle = PROCESS.idle()
        try:
            now = idle.clock()
            postpone(lambda: self._unrecorded(idle, now, args, kwargs, results))
        except Exception as error:
            idle.safety.failed("begin", error)

    def _unrecorded(
        self, idle: Pipeline, now: int, args: tuple[Any, ...], kwargs: Mapping[str, Any], results: tuple[Any, ...]
    ) -> Prediction:
        try:
            call = Prediction(idle, idle.model(self._spec), self._options.completed(idle.settings))
        except Exception as error:
            idle.safety.failed("begin", error)
            call = Prediction(idle, Model(ModelSpec(self._spec.name, self._spec.version)), Options())
        call.time = now
        self._capture(call, args, kwargs)
        for result in results:
            self.read(call, result)
        return call

    def _capture(self, call: Prediction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        try:
            call.features(self._find_features(args, kwargs))
            if self._find_id is not None:
                call.set_ids(self._find_id(args, kwargs))
        except Exception as error:
            call.note_failure("capture", error)

    def read(self, call: Prediction, result: Any) -> None:
        """Take the output of a call."""
        if self._find_output is not None:
            try:
                result = self._find_output(result)
            except Exception as error:
                call.note_failure("output", error)
                return
        call.output(result)

    def _plain(self) -> Callable[..., Any]:
        function, begin, read, skip = self._function, self.begin, self.read, self.skip

        def call(*args: Any, **kwargs: Any) -> Any:
            watched = begin(args, kwargs)
            if watched is None:
                result = function(*args, **kwargs)
                skip(args, kwargs, result)
                return result
            watched.attach()
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                watched.fail(error)
                raise
            read(watched, result)
            watched.stop()
            return result

        return call

    def _coroutine(self) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            watched = self.begin(args, kwargs)
            if watched is None:
                result = await self._function(*args, **kwargs)
                self.skip(args, kwargs, result)
                return result
            watched.attach()
            try:
                result = await self._function(*args, **kwargs)
            except BaseException as error:
                watched.fail(error)
                raise
            self.read(watched, result)
            watched.stop()
            return result

        return call

    def _generator(self) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            watched = self.begin(args, kwargs)
            if watched is None:
                return (yield from self._function(*args, **kwargs))
            steps = self._function(*args, **kwargs)
            collected = _Collected()
            step, given = steps.send, None
            while True:
                watched.attach()  # only around each step: a context held over a yield would leak into the caller's
                try:
                    item = step(given)
                except StopIteration as end:
                    self._finish(watched, collected)
                    return end.value
                except BaseException as error:
                    watched.fail(error)
                    raise
                finally:
                    watched.detach()
                collected.add(item)
                try:
                    step, given = steps.send, (yield item)
                except GeneratorExit:
                    try:
                        steps.close()
                    except BaseException as error:
                        watched.fail(error)
                        raise
                    self._finish(watched, collected)
                    raise
                except BaseException as error:
                    step, given = steps.throw, error

        return call

    def _async_generator(self) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            watched = self.begin(args, kwargs)
            steps = self._function(*args, **kwargs)
            collected = _Collected()
            step, given = steps.asend, None
            while True:
                if watched is not None:
                    watched.attach()
                try:
                    item = await step(given)
                except StopAsyncIteration:
                    self._finish(watched, collected)
                    return
                except BaseException as error:
                    if watched is not None:
                        watched.fail(error)
                    raise
                finally:
                    if watched is not None:
                        watched.detach()
                collected.add(item)
                try:
                    step, given = steps.asend, (yield item)
                except GeneratorExit:
                    try:
                        await steps.aclose()
                    except BaseException as error:
                        if watched is not None:
                            watched.fail(error)
                        raise
                    self._finish(watched, collected)
                    raise
                except BaseException as error:
                    step, given = steps.athrow, error

        return call

    def _finish(self, watched: Prediction | None, collected: _Collected) -> None:
        if watched is not None:
            if collected.items:
                self.read(watched, collected.items[0] if len(collected.items) == 1 else collected.items)
            watched.stop()


class _Collected:
    """What a generator yielded, up to a bound."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def add(self, item: Any) -> None:
        if len(self.items) < _MOST_COLLECTED:
            self.items.append(item)


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
