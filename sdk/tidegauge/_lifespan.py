"""The end of an ASGI application, by its own protocol."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tidegauge._configure import flush
from tidegauge._process import PROCESS


@contextlib.asynccontextmanager
async def lifespan(application: Any = None) -> AsyncIterator[None]:
    """Send everything when an ASGI application ends, whatever its server does afterwards.

    For ``FastAPI(lifespan=tidegauge.lifespan)`` or ``Starlette(lifespan=tidegauge.lifespan)``; in a lifespan of your
    own, yield inside of ``async with tidegauge.lifespan():``. The event loop goes on meanwhile. It is an addition to
    the handler of SIGTERM, for servers and platforms where that is left out.

    Args:
        application: what the framework hands over; not used.
    """
    import asyncio  # an event loop is running, so this costs nothing

    try:
        yield
    finally:
        pipeline = PROCESS.pipeline
        if pipeline is not None:
            await asyncio.get_running_loop().run_in_executor(None, flush, pipeline.settings.shutdown_timeout)
