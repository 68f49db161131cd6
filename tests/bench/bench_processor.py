"""What the processor spends on what arrives, in bare protobuf parses of the same bytes.

Run as ``python tests/bench/bench_processor.py``. Everything is measured in one run, interleaved; shown are the medians
of ratios, because absolute times depend on the machine. Times are CPU times of the process. "decode" is from the bytes
of a request to plain records; "merge" goes on until they are counted, each once, in a window or a cohort.
"""

from __future__ import annotations

import base64
import gc
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tidegauge import Baseline, semconv
from tidegauge.baseline import NumericFeature
from tidegauge_processor import windowing
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.records import Decoded
from tidegauge_processor.state.windows import Window

ROUNDS = 9
REQUESTS = 24
FEATURES = 50
BOUNDS = np.linspace(-2.5, 2.5, 43)
ROWS = 2_000  # of one request of metrics: 200 rows a second, exported every 10 seconds
SPANS = 512
OUTCOMES = 512
SECOND = 10**9
HOUR = 3600 * SECOND
START = 1_767_571_200 * SECOND

IDENTITY = {semconv.MODEL_NAME: "credit-risk", semconv.MODEL_VERSION: "7"}
NAMES = [f"feature_{place}" for place in range(FEATURES)]
BASELINE = Baseline(
    *("credit-risk", "7", "regression", 1),
    tuple(
        NumericFeature(name, BOUNDS, np.ones((1, BOUNDS.size + 1), dtype=np.int64), np.array([0]), -10.0, 10.0)
        for name in NAMES
    ),
    *((), None, 0.5, None, None, 1, None, None, {}, {}),
)


@dataclass(frozen=True)
class Case:
    """Requests of one kind.

    Attributes:
        name: of the row of the table.
        kind: the signal.
        message: its protobuf class.
        requests: as bytes.
        items: data points, spans or events in one request.
        rows: predicted rows that one request tells of.
        merge: counts what was decoded of all requests.
    """

    name: str
    kind: SignalKind
    message: type[Message]
    requests: list[bytes]
    items: int
    rows: int
    merge: Callable[[Iterable[Decoded]], object]


def plain(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [plain(each) for each in value]}}
    return {{str: "stringValue", int: "intValue", float: "doubleValue"}[type(value)]: value}


def attributes(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": plain(value)} for key, value in (IDENTITY | found).items()]


def resource() -> dict[str, Any]:
    return {"attributes": [{"key": semconv.SERVICE_INSTANCE_ID, "value": plain("8c1e1a52-5f0e-4c5d-9d6e-writer")}]}


def metrics(number: int, random: np.random.Generator) -> bytes:
    interval = {
        "startTimeUnixNano": START + number * 10 * SECOND,
        "timeUnixNano": START + (number + 1) * 10 * SECOND,
    }
    bins = random.multinomial(ROWS, np.full(BOUNDS.size + 1, 1 / (BOUNDS.size + 1)), FEATURES)
    points = [
        interval
        | {
            "attributes": attributes({semconv.FEATURE_NAME: name, semconv.BASELINE_ID: BASELINE.id}),
            "count": ROWS,
            "sum": float(total),
            "min": -4.0,
            "max": 4.0,
            "bucketCounts": counts.tolist(),
            "explicitBounds": BOUNDS.tolist(),
        }
        for name, counts, total in zip(NAMES, bins, random.normal(size=FEATURES), strict=True)
    ]
    metric = {"name": semconv.METRIC_FEATURE_VALUE, "histogram": {"aggregationTemporality": 1, "dataPoints": points}}
    request = {"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"metrics": [metric]}]}]}
    return ParseDict(request, ExportMetricsServiceRequest()).SerializeToString()


def traces(number: int, random: np.random.Generator) -> bytes:
    spans = [
        {
            "name": "predict credit-risk",
            "traceId": base64.b64encode(random.bytes(16)).decode(),
            "spanId": base64.b64encode(random.bytes(8)).decode(),
            "startTimeUnixNano": START + number * SECOND,
            "endTimeUnixNano": START + number * SECOND + SECOND // 100,
            "attributes": attributes({semconv.FEATURE_NAMES: NAMES, semconv.FEATURE_VALUES: values}),
        }
        for values in random.normal(size=(SPANS, FEATURES)).tolist()
    ]
    request = {"resourceSpans": [{"resource": resource(), "scopeSpans": [{"spans": spans}]}]}
    return ParseDict(request, ExportTraceServiceRequest()).SerializeToString()


def logs(number: int, random: np.random.Generator) -> bytes:
    records = []
    for score in random.beta(2, 5, OUTCOMES).tolist():
        trace, span = random.bytes(16), random.bytes(8)
        records.append(
            {
                "eventName": semconv.EVENT_FEEDBACK,
                "timeUnixNano": START + HOUR + int(random.integers(HOUR)),
                "traceId": base64.b64encode(trace).decode(),
                "spanId": base64.b64encode(span).decode(),
                "attributes": attributes(
                    {
                        semconv.PREDICTION_ID: f"{trace.hex()}-{span.hex()}-0",
                        semconv.PREDICTION_TIME: START + number * SECOND,
                        semconv.PREDICTION_CLASS: "1" if score >= 0.5 else "0",
                        semconv.PREDICTION_SCORE: score,
                        semconv.FEEDBACK_ACTUAL: "1" if random.random() < score else "0",
                    }
                ),
            }
        )
    request = {"resourceLogs": [{"resource": resource(), "scopeLogs": [{"logRecords": records}]}]}
    return ParseDict(request, ExportLogsServiceRequest()).SerializeToString()


def merge_windows(requests: Iterable[Decoded]) -> Window:
    window = Window()
    for decoded in requests:
        for payload in decoded.payloads.values():
            fates = windowing.merge(window, payload, BASELINE, 10_000)
            assert set(fates) == {"new"}, fates
    return window


def merge_outcomes(requests: Iterable[Decoded]) -> Cohort:
    cohort = Cohort()
    for decoded in requests:
        for outcomes in decoded.outcomes.values():
            assert {cohort.add(outcome) for outcome in outcomes} == {"new"}
    return cohort


def cpu(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(case: Case) -> tuple[float, float, float]:
    """CPU seconds of a bare parse, of decoding, and of decoding and merging all requests of a case."""

    def parse() -> None:
        for data in case.requests:
            case.message().ParseFromString(data)

    def decoded() -> Iterable[Decoded]:
        for data in case.requests:
            found = windowing.decode(case.kind, data, HOUR)
            assert found.rejected + found.ignored == 0, found.reason
            yield found

    def decode() -> None:
        for _ in decoded():
            pass

    return cpu(parse), cpu(decode), cpu(lambda: case.merge(decoded()))


def main() -> None:
    random = np.random.default_rng(7)
    cases = [
        Case(
            f"metrics: {FEATURES} features, {BOUNDS.size + 1} bins",
            *(SignalKind.METRICS, ExportMetricsServiceRequest, [metrics(n, random) for n in range(REQUESTS)]),
            *(FEATURES, ROWS, merge_windows),
        ),
        Case(
            f"spans: {SPANS} with {FEATURES} values",
            *(SignalKind.TRACES, ExportTraceServiceRequest, [traces(n, random) for n in range(REQUESTS // 8)]),
            *(SPANS, SPANS, merge_windows),
        ),
        Case(
            f"feedback: {OUTCOMES} outcomes",
            *(SignalKind.LOGS, ExportLogsServiceRequest, [logs(n, random) for n in range(REQUESTS // 2)]),
            *(OUTCOMES, OUTCOMES, merge_outcomes),
        ),
    ]
    times: dict[str, list[tuple[float, float, float]]] = {case.name: [] for case in cases}
    for turn in range(ROUNDS + 1):
        for case in cases:
            measured = measure(case)
            if turn:  # the first round warms up
                times[case.name].append(measured)
    print(f"{'':36}{'bare parse':>14}{'decode':>10}{'with merge':>12}{'an item':>12}{'a row':>12}")
    for case in cases:
        parse = statistics.median(measured[0] for measured in times[case.name]) / len(case.requests)
        decode, merge = (statistics.median(m[side] / m[0] for m in times[case.name]) for side in (1, 2))
        item, row = (parse * merge / number * 1e6 for number in (case.items, case.rows))
        bare = f"{parse / case.items * 1e6:.2f} us"
        print(f"{case.name:36}{bare:>14}{decode:>9.1f}x{merge:>11.1f}x{item:>9.2f} us{row:>9.2f} us")
    print(f"a request of metrics tells of {ROWS:,} rows; an item is a data point, a span or an event")


if __name__ == "__main__":
    main()
