"""What takes the place of a decorated function: one form for each kind of function.

A plain Python function becomes a function, which classes bind and frameworks look into as before, and which pickle
finds by its name. Any other callable (a bound method, a partial, an object of the user's) becomes an object, because
pickle refuses functions that it does not find by name.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from operator import attrgetter
from types import FunctionType, MethodType
from typing import Any, Final

from tidegauge._calls import Calls, Unrecorded
from tidegauge._latest import is_last, set_mark
from tidegauge._prediction import Prediction

_MOST_COLLECTED: Final = 10_000


def watched(calls: Calls) -> Callable[..., Any]:
    """What takes the place of the function of ``calls``."""
    return _form(calls) if isinstance(calls.function, FunctionType) else Watched(calls)


class Watched:
    """Takes the place of a callable that is no plain function.

    Args:
        calls: of the callable.
    """

    def __init__(self, calls: Calls) -> None:
        self.__setstate__(calls)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return self._call(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Bind as the callable does: a function made by Cython or `functools.lru_cache` may be a method, too."""
        function = self._calls.function
        bind = getattr(type(function), "__get__", None)
        if instance is None or bind is None or bind(function, instance, owner) is function:
            return self
        return MethodType(self, instance)

    def __getstate__(self) -> Calls:
        return self._calls

    def __setstate__(self, calls: Calls) -> None:
        call = _form(calls)
        functools.update_wrapper(self, calls.function, updated=())
        vars(self).update(vars(call))  # what the callable bears, where it is a method
        self._calls, self._call = calls, call
        self.__call__ = call  # type: ignore[method-assign]  # for who asks whether it is a coroutine function
        if inspect.iscoroutinefunction(call) and sys.version_info >= (3, 12):
            inspect.markcoroutinefunction(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self._name() or super().__reduce_ex__(protocol)

    def _name(self) -> str | None:
        """The name under which its module has it, as where ``@monitor`` stands above ``@lru_cache``."""
        module, name = sys.modules.get(self.__module__), getattr(self, "__qualname__", None)
        if name is None or module is None or self.__module__ == "__main__":
            return None
        try:
            return str(name) if attrgetter(name)(module) is self else None
        except AttributeError:
            return None


def _form(calls: Calls) -> Callable[..., Any]:
    function = calls.function
    plain = inspect.isroutine(function) or isinstance(function, functools.partial)
    kind: Any = function if plain else function.__call__  # type: ignore[operator]
    form = _plain
    for test, other in (
        (inspect.isasyncgenfunction, _async_generator),
        (inspect.isgeneratorfunction, _generator),
        (inspect.iscoroutinefunction, _coroutine),
    ):
        if test(kind):
            form = other
            break
    return functools.wraps(function, updated=() if kind is not function else ("__dict__",))(form(calls))


def _plain(calls: Calls) -> Callable[..., Any]:
    function, begin, read = calls.function, calls.begin, calls.read

    def call(*args: Any, **kwargs: Any) -> Any:
        watched = begin(args, kwargs)
        watched.attach()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            watched.fail(error)
            raise
        try:
            read(watched, result)
        except BaseException:  # a signal that came meanwhile
            watched.detach()
            raise
        watched.stop()
        return result

    return call


def _coroutine(calls: Calls) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        watched = calls.begin(args, kwargs)
        watched.attach()
        try:
            result = await calls.function(*args, **kwargs)
        except BaseException as error:
            watched.fail(error)
            raise
        try:
            calls.read(watched, result)
        except BaseException:  # a signal that came meanwhile
            watched.detach()
            raise
        watched.stop()
        return result

    return call


def _generator(calls: Calls) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        stream = _Stream(calls, calls.begin(args, kwargs))
        steps = calls.function(*args, **kwargs)
        step, given = steps.send, None
        while True:
            stream.resume()  # only around each step: a context held over a yield would leak into the caller's
            try:
                item = step(given)
            except StopIteration as end:
                stream.stop()
                return end.value
            except BaseException as error:
                stream.fail(error)
                raise
            stream.pause(item)
            try:
                step, given = steps.send, (yield item)
            except GeneratorExit:
                stream.is_closing()
                try:
                    steps.close()
                except BaseException as error:
                    stream.fail(error)
                    raise
                stream.stop()
                raise
            except BaseException as error:
                step, given = steps.throw, error

    return call


def _async_generator(calls: Calls) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        stream = _Stream(calls, calls.begin(args, kwargs))
        steps = calls.function(*args, **kwargs)
        step, given = steps.asend, None
        while True:
            stream.resume()
            try:
                item = await step(given)
            except StopAsyncIteration:
                stream.stop()
                return
            except BaseException as error:
                stream.fail(error)
                raise
            stream.pause(item)
            try:
                step, given = steps.asend, (yield item)
            except GeneratorExit:
                stream.is_closing()
                try:
                    await steps.aclose()
                except BaseException as error:
                    stream.fail(error)
                    raise
                stream.stop()
                raise
            except BaseException as error:
                step, given = steps.athrow, error

    return call


class _Stream:
    """One call of a generator: what it yielded, up to a bound, is its output.

    A stream that is given up half-way is closed whenever the interpreter finds it, in any thread. So it becomes the
    latest prediction only where nothing was predicted since its last step.
    """

    def __init__(self, calls: Calls, call: Prediction | Unrecorded) -> None:
        self._calls = calls
        self._call = call
        self._items: list[Any] = []
        self._mark = object()
        self._aside = False

    def resume(self) -> None:
        self._call.attach()

    def pause(self, item: Any) -> None:
        self._call.detach()
        self._mark = set_mark()
        if len(self._items) < _MOST_COLLECTED:
            self._items.append(item)

    def is_closing(self) -> None:
        self._aside = not is_last(self._mark)

    def fail(self, error: BaseException) -> None:
        self._call.fail(error, self._aside)

    def stop(self) -> None:
        try:
            if self._items:
                self._calls.read(self._call, self._items[0] if len(self._items) == 1 else self._items)
        except BaseException:  # a signal that came meanwhile
            self._call.detach()
            raise
        self._call.stop(self._aside)
