"""What stands on everything that the processor sends: its resource, its scope, and the identity of a model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tidegauge import semconv
from tidegauge_processor import __version__
from tidegauge_processor.signals import Subject

Attributes = Mapping[str, Any]

SCOPE: Final = InstrumentationScope(name=semconv.PROCESSOR_SCOPE_NAME, version=__version__)
"""The instrumentation scope of all signals."""


_LONGEST_KEPT: Final = 256
"""Characters of the longest text that is kept as a message: all of them take some 24 MiB at the most."""


def resource(attributes: Attributes) -> Resource:
    """The resource that all signals of one processor share."""
    return Resource(attributes=pairs(attributes))


def identity(subject: Subject) -> dict[str, Any]:
    """Attributes that stand on every point and event about a model."""
    found = {semconv.MODEL_NAME: subject.model, semconv.MODEL_VERSION: subject.version}
    if subject.baseline:
        found[semconv.BASELINE_ID] = subject.baseline
    if subject.source == "span":
        found[semconv.SOURCE] = subject.source
    if subject.origin:
        found[semconv.BASELINE_ORIGIN] = subject.origin
    return found


def pairs(attributes: Attributes) -> list[KeyValue]:
    """Attributes as messages."""
    return [
        _text(key, value)
        if type(value) is str and len(value) <= _LONGEST_KEPT
        else KeyValue(key=key, value=_any(value))
        for key, value in attributes.items()
    ]


@lru_cache(maxsize=16_384)  # the same names and labels stand on every point; messages are copied where they are used
def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _any(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list | tuple):
        return AnyValue(array_value=ArrayValue(values=map(_any, value)))
    return AnyValue(string_value=str(value))
