"""The SDK's README tells the truth: its code runs, its settings exist."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tidegauge import Settings
from tidegauge.testing import capture

README = Path(__file__).parents[2] / "sdk" / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


def test_the_code_runs():
    names: dict[str, object] = {}
    with capture() as seen:
        for block in BLOCKS:
            exec(compile(block, str(README), "exec"), names)
        assert seen.failures == {}
    assert len(BLOCKS) == 6


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_is_listed(setting):
    text = README.read_text()
    assert f"`{setting.name}`" in text
    assert f"`{setting.metadata['environment']}`" in text


def test_every_reason_of_a_drop_is_listed():
    sources = "".join(path.read_text() for path in README.with_name("tidegauge").glob("_*.py"))
    reasons = set(re.findall(r'dropped\("(\w+)"', sources)) - {"events_queue_full"}
    reasons |= {f"{stage}_failed" for stage in re.findall(r'fail\w+\("(\w+)", error, lost', sources)}
    assert len(reasons) > 8
    assert [reason for reason in sorted(reasons) if f"`{reason}`" not in README.read_text()] == []
