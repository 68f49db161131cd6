"""A model that comes to lean on another feature, while its features stay as they were: attributions see it."""

from __future__ import annotations

import sys

import pytest

from tests.end_to_end import explained
from tests.end_to_end.leaves import gauge, leaves
from tests.end_to_end.processes import PATIENCE, Child, Processor, free_endpoint
from tests.end_to_end.scenario import configuration
from tests.end_to_end.sink import Request, Sink
from tests.workloads import HOUR, MONDAY, SECOND
from tidegauge import semconv

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Request], list[Request]]:
    """What the application sent, and what the processor said."""
    folder = tmp_path_factory.mktemp("explained")
    receiver = free_endpoint()
    explained.baseline().save(folder / "prices.baseline.json")
    with Sink() as sink:
        config = configuration(receiver, sink.endpoint, folder)
        config["windows"]["allowed_lateness"] = "0s"
        with Processor(config, folder), Sink(forward=receiver) as sent:
            with Child(
                [
                    sys.executable,
                    "-m",
                    "tests.end_to_end.explained",
                    "--baseline",
                    str(folder / "prices.baseline.json"),
                ],
                folder / "application.log",
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{sent.endpoint}",
                OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
                TIDEGAUGE_SHUTDOWN_TIMEOUT=str(PATIENCE),
            ) as app:
                assert app.wait() == 0, app.output
            end = (MONDAY + explained.HOURS * HOUR) / SECOND
            sink.wait(
                lambda found: max(gauge(found, semconv.METRIC_WINDOW_END).values(), default=0) >= end, "it is judged"
            )
            return sent.requests, sink.requests


def test_about_half_of_the_calls_are_explained(exchanged: tuple[list[Request], list[Request]]) -> None:
    sent, _ = exchanged
    counts: dict[str, int] = {}
    for leaf in leaves(sent, semconv.METRIC_FEATURE_ATTRIBUTION):
        name = leaf.attributes[semconv.FEATURE_NAME]
        counts[name] = counts.get(name, 0) + leaf.data.count
    assert set(counts) == set(explained.FEATURES)
    assert len(set(counts.values())) == 1
    rows = explained.HOURS * explained.CALLS * explained.ROWS
    assert 0.3 * rows < counts["area"] < 0.7 * rows


def test_spans_of_explained_rows_carry_them(exchanged: tuple[list[Request], list[Request]]) -> None:
    spans = [leaf for leaf in leaves(exchanged[0]) if leaf.kind == "span" and leaf.attributes[semconv.BATCH_SIZE] == 1]
    assert len(spans) == explained.HOURS + 1
    for span in spans:
        if semconv.ATTRIBUTION_NAMES in span.attributes:
            found = dict(
                zip(
                    span.attributes[semconv.ATTRIBUTION_NAMES], span.attributes[semconv.ATTRIBUTION_VALUES], strict=True
                )
            )
            assert found in ({"area": 3.0, "rooms": 2.0, "age": -0.3}, {"area": 0.3, "rooms": 2.0, "age": -3.0})


def test_the_ranking_falls_when_the_weights_change(exchanged: tuple[list[Request], list[Request]]) -> None:
    ndcg = gauge(exchanged[1], semconv.METRIC_DRIFT_SCORE, {semconv.DRIFT_METHOD: "attribution_ndcg"})
    ends = [MONDAY + (hour + 1) * HOUR for hour in range(explained.HOURS)]
    assert [ndcg[end] == 1.0 for end in ends] == [hour < explained.CHANGE for hour in range(explained.HOURS)]
    assert max(ndcg[end] for end in ends[explained.CHANGE :]) < 0.8


def test_attributions_drift_and_features_do_not(exchanged: tuple[list[Request], list[Request]]) -> None:
    def state(target: str, feature: str, state: str) -> dict[int, float]:
        return gauge(
            exchanged[1],
            semconv.METRIC_DRIFT_STATUS,
            {
                semconv.DRIFT_TARGET: target,
                semconv.FEATURE_NAME: feature,
                semconv.WINDOW_NAME: "1h",
                semconv.DRIFT_STATE: state,
            },
        )

    ends = [MONDAY + (hour + 1) * HOUR for hour in range(explained.HOURS)]
    changed = [float(hour >= explained.CHANGE) for hour in range(explained.HOURS)]
    assert [state("attribution", "area", "material")[end] for end in ends] == changed
    assert [state("attribution", "age", "material")[end] for end in ends] == changed
    assert [state("attribution", "rooms", "ok")[end] for end in ends] == [1.0] * explained.HOURS
    for feature in explained.FEATURES:
        assert [state("feature", feature, "ok")[end] for end in ends] == [1.0] * explained.HOURS
