from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.interop.tap import PEERS

pytest.register_assert_rewrite("tests.end_to_end.expectations")


@pytest.fixture(scope="session")
def otelcol() -> Path:
    """The collector, built on first use."""
    return _built("collector") / "otelcol"


@pytest.fixture(scope="session")
def prometheus() -> Path:
    """The folder of Prometheus and its tool, built on first use."""
    return _built("prometheus")


def _built(peer: str) -> Path:
    built = subprocess.run([PEERS / "build", peer], capture_output=True, text=True, check=False)
    if built.returncode:
        why = built.stderr.strip().splitlines()[-1]
        pytest.fail(why) if "CI" in os.environ else pytest.skip(why)
    _, folder = built.stdout.split(maxsplit=1)
    return Path(folder.strip())
