"""Who writes: the resource of metrics and events."""

from __future__ import annotations

import os
import uuid
from typing import Final

from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from tidegauge import semconv

_ATTRIBUTES: Final = "OTEL_RESOURCE_ATTRIBUTES"


def writer_resource(provider: trace.TracerProvider | None = None) -> Resource:
    """Resource of this process: the application's, with a ``service.instance.id`` that no other process has.

    Intervals of one writer must not overlap, so an id that was set by hand, which all workers of a server share, is
    completed by a random part. One that OpenTelemetry made for this process is kept: spans then carry the same.

    Args:
        provider: the tracer provider whose resource is the application's.
    """
    ours = _detected()
    theirs = getattr(provider, "resource", None)
    resource = theirs if isinstance(theirs, Resource) else ours
    given = resource.attributes.get(semconv.SERVICE_INSTANCE_ID)
    made = ours.attributes.get(semconv.SERVICE_INSTANCE_ID)
    if given is not None and given == made and semconv.SERVICE_INSTANCE_ID not in os.environ.get(_ATTRIBUTES, ""):
        return resource
    unique = str(uuid.uuid4())
    return resource.merge(Resource({semconv.SERVICE_INSTANCE_ID: unique if given is None else f"{given}:{unique}"}))


def _detected() -> Resource:
    try:
        return Resource.create({})
    except RuntimeError:  # it detects in a thread pool, which Python refuses once the main thread has ended
        return OTELResourceDetector().detect()
