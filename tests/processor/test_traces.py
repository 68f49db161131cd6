"""Every incident points at calls that show what it says."""

from collections.abc import Iterable, Mapping

import pandas as pd
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import HOUR, SECOND, Writer
from tests.processor.restarted import Restarted
from tests.processor.test_versions import COMPARED
from tidegauge import semconv
from tidegauge.observation import UNSEEN_CATEGORY
from tidegauge_processor.records import Exemplar, StreamKey
from tidegauge_processor.signals import IncidentSignal, Signal, TotalsSignal
from tidegauge_processor.traces import traces_of
from tidegauge_processor.verdicts.types import Stream

Calls = Mapping[tuple[str, str], tuple[int, ...]]
"""Numbers of calls by metric and value of one of its attributes."""


def with_calls(request: bytes, calls: Calls) -> bytes:
    """The request with exemplars; the number of a call is its trace id and its span id."""
    found = ExportMetricsServiceRequest.FromString(request)
    for metric in found.resource_metrics[0].scope_metrics[0].metrics:
        for point in getattr(metric, str(metric.WhichOneof("data"))).data_points:
            for attribute in point.attributes:
                for number in calls.get((metric.name, attribute.value.string_value), ()):
                    ids = {"trace_id": number.to_bytes(16, "big"), "span_id": number.to_bytes(8, "big")}
                    point.exemplars.add(as_int=1, time_unix_nano=point.time_unix_nano - 1, **ids)
    return found.SerializeToString()


def numbers(traces: Iterable[tuple[str, str]]) -> list[int]:
    """The calls behind traces."""
    assert all(int(trace, 16) == int(span, 16) for trace, span in traces)
    return [int(trace, 16) for trace, _ in traces]


def incidents(said: Iterable[Signal], versus: str = "") -> dict[str, list[int]]:
    """Calls by what an incident did."""
    return {
        signal.change: numbers(signal.traces)
        for signal in said
        if isinstance(signal, IncidentSignal) and signal.versus == versus
    }


def on_counter(said: Iterable[Signal], version: str = "7") -> list[int]:
    """Calls on ``ml.incidents``, as it was last said."""
    totals = [signal for signal in said if isinstance(signal, TotalsSignal) and signal.subject.version == version]
    return numbers(totals[-1].traces)


def of(frame: pd.DataFrame, number: int, calls: Calls, writer: Writer | None = None) -> bytes:
    return with_calls(flush(frame, hour(number), writer, length=HOUR), calls)


def cars(seed: int) -> pd.DataFrame:
    """Rows in which every boat has become a car, and some houses."""
    frame = rows(400, seed)
    return frame.assign(purpose=frame["purpose"].mask(frame["purpose"] == "boat", "car").mask(frame.index < 40, "car"))


def test_categories_are_shown_by_calls_that_have_the_one_that_grew_most() -> None:
    purposes = {
        (semconv.METRIC_FEATURE_OCCURRENCES, name): calls
        for name, calls in {"car": (8, 9), "house": (4, 5), "boat": (6,)}.items()
    }
    quiet = [of(rows(400, 10 + i), i, purposes) for i in range(3)]
    said = Restarted(baseline()).take(*quiet, of(cars(20), 3, purposes), of(cars(21), 4, {}))
    assert incidents(said)["opened"] == [9, 8]
    assert on_counter(said) == [9, 8]


def test_classes_are_shown_likewise() -> None:
    frame = rows(400, 20)
    frame["score"] = frame["score"].clip(lower=0.51)
    calls = {(semconv.METRIC_PREDICTIONS, "0"): (3,), (semconv.METRIC_PREDICTIONS, "1"): (7, 8)}
    said = Restarted(baseline()).take(of(rows(400, 10), 0, calls), of(frame, 1, calls), of(frame, 2, {}))
    assert incidents(said)["opened"] == [8, 7]


def broken(
    number: int, kind: str, feature: str, calls: tuple[int, ...], writer: Writer | None = None, count: int = 300
) -> bytes:
    writer = writer or Writer(baseline=baseline().id)
    violation = {"ml__data_quality__violation__type": kind, "ml__feature__name": feature}
    interval = hour(number) + SECOND, hour(number) + 2 * SECOND
    request = writer.metrics(writer.counter(semconv.METRIC_VIOLATIONS, count, *interval, **violation))
    return with_calls(request, {(semconv.METRIC_VIOLATIONS, kind): calls})


def test_broken_values_are_shown_by_calls_that_broke_the_schema_in_this_way() -> None:
    calls = {(semconv.METRIC_FEATURE_VALUE, "income"): (1, 2)}
    requests = [of(rows(400, 10 + i), i, calls) for i in range(3)]
    requests[1:1] = [broken(1, "missing", "purpose", (5, 6)), broken(1, "missing", "income", (3, 4))]
    said = Restarted(baseline()).take(*requests)
    assert sorted(incidents(said)["opened"]) == [3, 4, 5, 6]


def test_an_incident_that_closes_points_where_it_pointed_and_not_at_the_window_without_it() -> None:
    engine = Restarted(baseline())
    said = engine.take(
        of(rows(400, 10), 0, {}),
        of(rows(400, 11, shift=0.8), 1, {(semconv.METRIC_FEATURE_VALUE, "income"): (7,)}),
    )
    for number in range(2, 30):
        engine.restart()
        said += engine.take(of(rows(400, 10 + number), number, {(semconv.METRIC_FEATURE_VALUE, "income"): (99,)}))
    found = incidents(said)
    assert (found["opened"], found["closed"]) == ([7], [7])


@pytest.mark.parametrize("first", ["7", "8"])
@pytest.mark.parametrize(
    ("differs", "metric", "name", "shown"),
    [
        ("income", semconv.METRIC_FEATURE_VALUE, "income", [83, 82]),
        ("purpose", semconv.METRIC_FEATURE_OCCURRENCES, "car", [83, 82]),
        ("missing", semconv.METRIC_VIOLATIONS, "missing", [83, 82]),
    ],
)
def test_a_version_that_differs_is_shown_by_its_own_calls_whoever_closes_first(
    first: str, differs: str, metric: str, name: str, shown: list[int]
) -> None:
    engine = Restarted(baseline(), versions=lambda model: COMPARED)
    said: list[Signal] = []
    for number in range(8):
        calls = {(metric, name): (72, 73)}
        champion = of(rows(400, 10 + number), number, calls, Writer("a", version="7", baseline=baseline().id))
        challenger: list[bytes] = []
        if number >= 3:
            writer, odd = Writer("b", version="8", baseline=baseline().id), number == 5
            frame = rows(300, 50 + number, shift=1.0 if odd and differs == "income" else 0.0)
            frame = cars(60).head(300) if odd and differs == "purpose" else frame
            calls = {(metric, name): (82, 83) if odd else (90 + number,)}
            if differs == "missing":
                challenger.append(broken(number, "missing", "income", calls[metric, name], writer, 200 if odd else 1))
            challenger.append(of(frame, number, calls, writer))
        for request in [champion, *challenger] if first == "7" else [*challenger, champion]:
            said += engine.take(request)
            engine.restart()
    assert incidents(said, versus="7")["opened"] == shown
    assert on_counter(said, version="8")[-2:] == shown


def test_what_a_writer_without_the_baseline_could_not_call_unseen_is_shown_by_its_categories() -> None:
    feature = Stream("feature", "purpose")
    labels = baseline().feature("purpose").labels  # type: ignore[union-attr]
    exemplars = {
        StreamKey(
            semconv.METRIC_FEATURE_OCCURRENCES,
            "",
            ((semconv.FEATURE_CATEGORY, category), (semconv.FEATURE_NAME, "purpose")),
        ): (Exemplar(1.0, trace, "1"),)
        for category, trace in (("car", "a"), ("yacht", "b"))
    }
    now = {feature: rows(9, 1)["purpose"].map(labels.index).value_counts().reindex(range(len(labels))).to_numpy()}
    unseen = [Stream("quality", "purpose", UNSEEN_CATEGORY)]
    assert traces_of(unseen, exemplars, baseline(), now, {}) == (("b", "1"),)


def test_a_stream_that_the_baseline_in_force_does_not_know_is_shown_by_what_is_there() -> None:
    key = StreamKey(semconv.METRIC_FEATURE_OCCURRENCES, "", ((semconv.FEATURE_NAME, "gone"),))
    exemplars = {key: tuple(Exemplar(1.0, str(place), "1") for place in range(9))}
    assert len(traces_of([Stream("feature", "gone")], exemplars, baseline(), {}, {})) == 5
