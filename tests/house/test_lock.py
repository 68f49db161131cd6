"""The lock file has all that pyproject.toml asks for, each with its checksums."""

from __future__ import annotations

import re
import tomllib

from tests.house.packages import ROOT

PINNED = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+).*(?P<hashes>(?: \\\n +--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE
)
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")


def test_every_dependency_is_pinned() -> None:
    project = PROJECT["project"]
    lists = [project["dependencies"], PROJECT["build-system"]["requires"], *project["optional-dependencies"].values()]
    wanted = {name(requirement) for requirements in lists for requirement in requirements} - {"tidegauge"}
    assert wanted - {pinned["name"] for pinned in PINNED.finditer(LOCK)} == set()


def test_the_lock_file_holds_pins_and_checksums_only() -> None:
    assert PINNED.sub("", LOCK).strip() == ""
