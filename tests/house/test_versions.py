"""The README names the Python versions that are tried, which are those of pyproject.toml's classifiers."""

from __future__ import annotations

import re
import tomllib

from tests.house.packages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMED = [found[1] for text in PROJECT["classifiers"] if (found := re.fullmatch(r".* :: Python :: (3\.\d+)", text))]


def test_the_oldest_is_the_one_that_is_required() -> None:
    assert PROJECT["requires-python"] == f">={NAMED[0]}"


def test_the_readme_names_the_same() -> None:
    development = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Development\n")[2].partition("\n## ")[0]
    )
    (line,) = re.findall(r"tried on Python ([^;]+);", development)
    assert re.findall(r"3\.\d+", line) == NAMED
