"""The id under which a processor signs: the same after a restart on the same state, on whatever host."""

from __future__ import annotations

import logging
import uuid
from pathlib import Path
from typing import Final

from tidegauge import semconv
from tidegauge_processor.counter import Counter
from tidegauge_processor.state.database.rows import checksum

FILE_NAME: Final = "instance-id"
"""Name of the file inside the state directory: the id and its checksum."""

_log = logging.getLogger(__name__)


def instance_id(directory: Path, counter: Counter) -> str:
    """The id of the state in ``directory``; a new one where there is none or it is damaged, which is counted.

    One that cannot be kept is said, and holds until the processor ends.
    """
    path = directory / FILE_NAME
    instance = str(uuid.uuid4())
    try:
        known = path.read_text(errors="replace").split() if path.exists() else None
        if known and len(known) == 2 and known[1] == _checksum(known[0]):
            return known[0]
        old = known is not None and len(known) == 1 and _is_uuid(known[0])  # written before it had a checksum
        instance = known[0] if known and old else instance
        if known is not None and not old:
            _log.error("%s is damaged: the processor signs by a new id, %s", path, instance)
            counter.add(semconv.METRIC_STORE_REBUILT, reason="checksum", table=FILE_NAME)
        path.write_text(f"{instance} {_checksum(instance)}\n")
    except OSError as error:
        _log.warning("the processor's id cannot be kept in %s, so its series begin anew at each start: %s", path, error)
    return instance


def _checksum(instance: str) -> str:
    return f"{checksum(FILE_NAME, instance) & 0xFFFFFFFFFFFFFFFF:016x}"


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
