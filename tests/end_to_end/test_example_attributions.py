"""The example of attributions runs and finds what its README says; with SHAP too, where that is installed."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "attributions" / "attributions.py"
MODELS = ["linear", "trees"] if importlib.util.find_spec("shap") else ["linear"]  # SHAP is no dependency of ours

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_leans_on_other_features_is_seen(model: str) -> None:
    ended = subprocess.run(
        [sys.executable, str(EXAMPLE), "--model", model], capture_output=True, text=True, timeout=250, check=False
    )
    assert ended.returncode == 0, ended.stderr
    explained = [int(found) for found in re.findall(r"calls, (\d+) of them explained", ended.stdout)]
    assert all(20 <= number <= 60 for number in explained), ended.stdout
    same, other = (float(found) for found in re.findall(r"version \d: (0\.\d+|1\.000)$", ended.stdout, re.MULTILINE))
    assert same > 0.9, ended.stdout
    assert other < same, ended.stdout
