"""What all records of a backtest have in common."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
"""A number, or null where it is not known or not finite."""


class Record(BaseModel):
    """Frozen, and without fields that the contract does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def moment(ns: int) -> datetime:
    """The time so many ns after the epoch.

    >>> moment(1_500_000_000).isoformat()
    '1970-01-01T00:00:01.500000+00:00'
    """
    return _EPOCH + timedelta(microseconds=ns // 1_000)
