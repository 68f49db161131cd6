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
    built = subprocess.run([PEERS / "build", "collector"], capture_output=True, text=True, check=False)
    if built.returncode:
        why = built.stderr.strip().splitlines()[-1]
        pytest.fail(why) if "CI" in os.environ else pytest.skip(why)
    _, folder = built.stdout.split(maxsplit=1)
    return Path(folder.strip()) / "otelcol"
