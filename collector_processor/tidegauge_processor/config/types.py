"""What single settings can be: lengths of time, counts, sizes."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainValidator

from tidegauge_processor.config.durations import Duration
from tidegauge_processor.config.endpoints import check_endpoint

_TEN_SECONDS: Final = Duration.parse("10s")


def _duration(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a duration: write it like 15s, 5m, 1h30m or 500ms")
    return Duration.parse(str(value))


def _whole_intervals(value: Duration) -> Duration:
    if value % _TEN_SECONDS:
        raise ValueError(
            f"must be a multiple of 10s, the interval at which the SDK sends, so that no interval lies in two windows: "
            f"write {Duration(value - value % _TEN_SECONDS + _TEN_SECONDS)}"
        )
    return value


def _from_one_up(scales: tuple[int, ...]) -> tuple[int, ...]:
    if scales[0] != 1 or any(later <= earlier for earlier, later in pairwise(scales)):
        mended = sorted({1, *(scale for scale in scales if scale > 1)})
        raise ValueError(f"must ascend from 1, each a number of windows: write {mended}")
    return scales


Time = Annotated[Duration, PlainValidator(_duration)]
Count = Annotated[int, Field(ge=1)]
Mebibytes = Annotated[int, Field(ge=1, le=2047)]  # gRPC counts bytes in 32 bits
WindowLength = Annotated[Time, Field(ge=_TEN_SECONDS), AfterValidator(_whole_intervals)]
MergedWindows = Annotated[int, Field(ge=1, le=8191)]  # counts of so many windows add up within 64 bits, see `bounds`
Scales = Annotated[tuple[MergedWindows, ...], Field(strict=False, min_length=1), AfterValidator(_from_one_up)]
Endpoint = Annotated[str, AfterValidator(check_endpoint)]
EndpointOrNone = Annotated[str, AfterValidator(lambda endpoint: endpoint and check_endpoint(endpoint, to_send=True))]
