"""Every configuration in the documents is taken as it is printed by the program that it is for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.interop.printed import Printed, is_for_collector, is_for_prometheus, printed
from tidegauge_processor.config import load

pytestmark = pytest.mark.interop

CONFIGURATIONS = [block for block in printed() if block.language == "yaml"]
COLLECTORS = [block for block in CONFIGURATIONS if is_for_collector(block)]
PROMETHEUS = [block for block in CONFIGURATIONS if is_for_prometheus(block)]
PROCESSORS = [block for block in CONFIGURATIONS if block not in COLLECTORS + PROMETHEUS]


def written(block: Printed, folder: Path) -> Path:
    path = folder / "printed.yaml"
    path.write_text(block.text)
    return path


def places(blocks: list[Printed]) -> list[str]:
    return [block.place for block in blocks]


@pytest.mark.parametrize("block", COLLECTORS, ids=places(COLLECTORS))
def test_the_collector_takes_it(otelcol: Path, block: Printed, tmp_path: Path) -> None:
    command = [otelcol, "validate", "--config", written(block, tmp_path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("block", PROMETHEUS, ids=places(PROMETHEUS))
def test_prometheus_takes_it(prometheus: Path, block: Printed, tmp_path: Path) -> None:
    command = [prometheus / "promtool", "check", "config", written(block, tmp_path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("block", PROCESSORS, ids=places(PROCESSORS))
def test_the_processor_takes_it(block: Printed, tmp_path: Path) -> None:
    load(written(block, tmp_path))


def test_the_documents_are_read() -> None:
    assert COLLECTORS
    assert PROMETHEUS
    assert PROCESSORS
