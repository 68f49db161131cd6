"""The README's code runs: all of its Python blocks, in order, as one program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.packages import ROOT
from tidegauge import testing

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
README = ROOT / "README.md"


def blocks(text: str) -> list[tuple[int, str]]:
    """Each block with the line before its first."""
    return [(text.count("\n", 0, found.start(1)), found[1]) for found in BLOCK.finditer(text)]


def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "readme"}
    found = blocks(README.read_text(encoding="utf-8"))
    assert found
    with testing.capture():
        for line, code in found:
            # As many empty lines as stand above the block, so that a traceback names the README's own line.
            exec(compile("\n" * line + code, README, "exec"), namespace)


def test_only_python_blocks_are_code() -> None:
    text = "# Title\n```sh\nrm -rf /\n```\n```python\nx = 1\n```\ntext\n```python\ny = x\n```\n"
    assert blocks(text) == [(5, "x = 1\n"), (9, "y = x\n")]
