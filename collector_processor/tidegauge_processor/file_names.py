"""Names of files that are made of names which anybody may have chosen."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_READABLE: Final = 80
"""Bytes; file systems take 255, and other parts follow."""


def stem(*names: str) -> str:
    """Beginning of a file's name that tells people what it is about: as it is where it is short, else with a digest.

    >>> stem("credit risk", "7")
    'credit_risk-7'
    >>> stem("x" * 1000, "7")[70:]
    'xxxxxxxxxx-f50972e83682c75e'
    """
    readable = re.sub(r"[^\w.-]+", "_", "-".join(names)).encode()
    if len(readable) <= _READABLE:
        return readable.decode()
    digest = hashlib.sha256("\0".join(names).encode(errors="backslashreplace")).hexdigest()[:16]
    return f"{readable[:_READABLE].decode(errors='ignore')}-{digest}"
