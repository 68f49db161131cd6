from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.scenario import Observed, observe, write_baseline
from tests.workloads import CreditHistory

pytest.register_assert_rewrite("tests.end_to_end.expectations")


@pytest.fixture(scope="session")
def history() -> CreditHistory:
    """Half a day, with a shift in its middle."""
    return CreditHistory(hours=12, rows_per_hour=50, shift_hour=6)


@pytest.fixture(scope="session")
def baseline(history: CreditHistory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline file for the history's model."""
    return write_baseline(history, tmp_path_factory.mktemp("baseline"))


@pytest.fixture(scope="session")
def observed(history: CreditHistory, baseline: Path, tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """What was sent and said in an undisturbed run."""
    return observe(history, baseline, tmp_path_factory.mktemp("undisturbed"))
