"""Which argument of a call holds the features: decided once, at decoration, from the function's signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tidegauge.errors import CaptureError, ConfigurationError

Finder: TypeAlias = Callable[[tuple[Any, ...], Mapping[str, Any]], Any]
"""From the arguments of a call to whatever is looked for in them."""

_OWNERS: Final = ("self", "cls")
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a function that can hold features.

    Args:
        positional: names of the parameters that can be given by place, without ``self``.
        offset: 1 where a method's ``self`` comes first, else 0.
        defaults: default values by name.
        named: names of all parameters, without ``self`` and without ``*args`` and ``**kwargs``.
        open: whether there is a ``**kwargs``.
    """

    positional: tuple[str, ...]
    offset: int
    defaults: Mapping[str, Any]
    named: tuple[str, ...]
    open: bool

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Parameters:
        """Read the signature of ``function``."""
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some functions written in C do not say
            return cls(("features",), 0, {}, ("features",), True)
        offset = int(bool(parameters) and parameters[0].name in _OWNERS)
        parameters = parameters[offset:]
        named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        positional = [p.name for p in named if p.kind in _POSITIONAL]
        if not positional and any(p.kind is p.VAR_POSITIONAL for p in parameters):
            positional = ["features"]
        return cls(
            tuple(positional),
            offset,
            {p.name: p.default for p in named if p.default is not p.empty},
            tuple(p.name for p in named),
            any(p.kind is p.VAR_KEYWORD for p in parameters),
        )

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by name, defaults included; what has no name is left out."""
        given = args[self.offset :]
        return {**self.defaults, **dict(zip(self.positional, given, strict=False)), **kwargs}


def feature_finder(function: Callable[..., Any], features: str | Callable[..., Any] | None) -> Finder:
    """How to find the features of a call of ``function``.

    Args:
        function: what is decorated.
        features: name of an argument, a path that begins with one (``"request.rows"``), a callable that takes the
            call's arguments, or None to guess: the first argument when it is a row or a batch, else all by name.

    Raises:
        ConfigurationError: there is no such argument.
    """
    parameters = Parameters.of(function)
    if callable(features):
        chosen = features
        return lambda args, kwargs: chosen(*args[parameters.offset :], **kwargs)
    if features is not None:
        return path_finder(parameters, features, "features")
    first = parameters.positional[0] if parameters.positional else None
    offset, plain = parameters.offset, len(parameters.positional) == 1

    def guess(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if len(args) > offset:
            value = args[offset]
            if not is_scalar(value) and (plain or not isinstance(value, Sequence) or not _by_name(args, offset)):
                return value
        elif first is not None and first in kwargs and not is_scalar(kwargs[first]):
            return kwargs[first]
        return parameters.bind(args, kwargs)

    return guess


def path_finder(parameters: Parameters, path: str, option: str) -> Finder:
    """How to find ``path``, an argument's name or a path that begins with one, in a call.

    Raises:
        ConfigurationError: there is no such argument; ``option`` says which option of the decorator named it.
    """
    name, *rest = path.split(".")
    if name not in parameters.named and not parameters.open:
        known = ", ".join(parameters.named) or "none"
        raise ConfigurationError(f"{option}={path!r}: the function has no argument {name!r}; it has: {known}")

    def find(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        bound = parameters.bind(args, kwargs)
        if name not in bound:
            raise CaptureError(f"{option}={path!r}: the call has no argument {name!r}")
        return follow(bound[name], rest)

    return find


def follow(value: Any, path: Sequence[str]) -> Any:
    """Go down ``path`` from ``value``, by key in a mapping and by attribute elsewhere.

    >>> follow({"request": {"row": 1}}, ["request", "row"])
    1
    """
    for name in path:
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value


def is_scalar(value: Any) -> bool:
    """Whether ``value`` is one value rather than a row or a batch."""
    return value is None or isinstance(value, str | bytes | int | float) or getattr(value, "shape", None) == ()


def _by_name(args: tuple[Any, ...], offset: int) -> bool:
    return len(args) > offset + 1
