"""Learned baselines as files beside the state, so that they can be looked at and taken away while the processor runs.

The database cannot: it is locked for as long as the processor has it open. The files are written from what it holds.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tidegauge.baseline import Baseline
from tidegauge.errors import BaselineError
from tidegauge_processor.file_names import stem

FOLDER: Final = "learned"
"""Name of the folder inside the state directory."""

_log = logging.getLogger(__name__)


def write(directory: Path, baselines: Iterable[Baseline]) -> None:
    """Write those of the learned ``baselines`` that have no file yet; each file is whole or not there.

    The files are for people, and the state has what is in them: one that cannot be written is logged and left out.
    """
    for baseline in baselines:
        path = directory / FOLDER / _name(baseline)
        part = path.with_suffix(".part")
        try:
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            baseline.save(part)
            os.replace(part, path)
        except (BaselineError, OSError, ValueError) as error:
            _log.error(
                "the baseline learned for %s %s is not written to a file, which is tried again at the next start: %s",
                baseline.model,
                baseline.version,
                error,
            )


def latest(directory: Path, model: str, version: str) -> Baseline:
    """The baseline that was learned last for a version of a model, from the state in ``directory``.

    Raises:
        BaselineError: there is none; the message says which there are.
    """
    if not directory.is_dir():
        raise BaselineError(f"there is no state directory {str(directory)!r}: name it with --state")
    found = [Baseline.load(path) for path in sorted((directory / FOLDER).glob("*.json"))]
    ours = [baseline for baseline in found if (baseline.model, baseline.version) == (model, version)]
    if not ours:
        known = ", ".join(sorted({f"{baseline.model} {baseline.version}" for baseline in found})) or "none"
        raise BaselineError(
            f"no baseline of {model} {version} has been learned in {str(directory)!r}, or it is not complete yet; "
            f"learned so far: {known}"
        )
    return max(ours, key=lambda baseline: (baseline.end or 0, baseline.id))


def _name(baseline: Baseline) -> str:
    return f"{stem(baseline.model, baseline.version)}-{baseline.id[:8]}.json"
