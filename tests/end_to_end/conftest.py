from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.scenario import write_baseline
from tests.workloads import CreditHistory


@pytest.fixture(scope="session")
def history() -> CreditHistory:
    """Most of a day, with a shift at noon."""
    return CreditHistory(hours=18, rows_per_hour=50, shift_hour=12)


@pytest.fixture(scope="session")
def baseline(history: CreditHistory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline file for the history's model."""
    return write_baseline(history, tmp_path_factory.mktemp("baseline"))
