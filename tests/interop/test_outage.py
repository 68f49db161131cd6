"""The processor away amid traffic, behind a collector with the README's configuration: every row counts once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.processes import free_endpoint
from tests.interop.collector import Collector
from tests.interop.printed import moved, the_collectors
from tests.outage.scene import Outage, run

pytestmark = pytest.mark.interop


@contextmanager
def behind_a_collector(otelcol: Path, receiver: str, folder: Path) -> Iterator[str]:
    """A collector that sends to ``receiver``; gives the address that it listens on."""
    endpoint, config = free_endpoint(), folder / "collector.yaml"
    places = {
        "/var/lib/otelcol/queue": str(folder / "queue"),
        "{endpoint: 0.0.0.0:4317}": f"{{endpoint: {endpoint}}}",
        "0.0.0.0:4318": free_endpoint(),
        "0.0.0.0:14317": free_endpoint(),
        "tidegauge:4317": receiver,
        "jaeger:4317": free_endpoint(),
    }
    config.write_text(moved(the_collectors(), places))
    with Collector(otelcol, config, folder, [endpoint]):
        yield endpoint


def test_an_outage_behind_a_collector_loses_nothing(otelcol: Path, tmp_path: Path) -> None:
    outage = Outage(25, window=10, interval=2, idle=90, before=12, after=14)
    account = run(outage, tmp_path, lambda receiver, folder: behind_a_collector(otelcol, receiver, folder))
    assert account.exact, str(account)
