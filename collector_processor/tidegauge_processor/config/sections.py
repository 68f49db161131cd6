"""The sections of the configuration: every setting, its default and its limits, each in one place.

Key names are the OpenTelemetry Collector's where it has one. Lengths of time are written as Go durations and arrive
here as `Duration`, whole nanoseconds. Sizes in MiB are 1,048,576 bytes. A setting that is left out has the default
below; a section that is left out, or has no keys, has all of its defaults.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tidegauge_processor.config.durations import Duration
from tidegauge_processor.config.mistakes import conflict
from tidegauge_processor.config.types import Count, Endpoint, EndpointOrNone, Mebibytes, Scales, Time, WindowLength


def none_is_empty(value: Any) -> Any:
    """Read a section without any keys, which YAML gives as None, as one with all of its defaults."""
    return {} if value is None else value


class Section(BaseModel):
    """Settings that belong together: checked, frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    _none_is_empty = model_validator(mode="before")(none_is_empty)


class Receiver(Section):
    """Where OTLP/gRPC comes in.

    Attributes:
        endpoint: ``host:port`` to listen on; port 0 takes a free one. ``0.0.0.0:4317`` to be reached from elsewhere.
        max_recv_msg_size_mib: largest request, after decompression too.
        max_in_flight_mib: requests not yet answered, together; above it senders are asked to come back later.
    """

    endpoint: Endpoint = "127.0.0.1:4317"
    max_recv_msg_size_mib: Mebibytes = 64
    max_in_flight_mib: Count = 256

    @model_validator(mode="after")
    def _one_request_fits(self) -> Self:
        if self.max_recv_msg_size_mib > self.max_in_flight_mib:
            raise conflict(
                "max_recv_msg_size_mib",
                f"a request of {self.max_recv_msg_size_mib} MiB could never be admitted: "
                f"raise max_in_flight_mib, now {self.max_in_flight_mib}, to at least that",
                "max_in_flight_mib",
            )
        return self


class Retry(Section):
    """How a failed export is tried again: the wait doubles from the first to the longest.

    Attributes:
        initial_interval: the first wait.
        max_interval: the longest wait.
    """

    initial_interval: Annotated[Time, Field(ge=Duration.parse("1ms"))] = Duration.parse("1s")
    max_interval: Time = Duration.parse("30s")

    @model_validator(mode="after")
    def _longest_is_longest(self) -> Self:
        if self.max_interval < self.initial_interval:
            raise conflict(
                "max_interval", f"must be at least initial_interval, {self.initial_interval}", "initial_interval"
            )
        return self


class Queue(Section):
    """Signals that wait to be sent.

    Attributes:
        queue_size: requests at most; the oldest are dropped, and counted, when there are more.
        queue_size_mib: their bytes together, likewise. Of gauges only the latest wait, and these go first.
    """

    queue_size: Count = 10_000
    queue_size_mib: Mebibytes = 512


class Exporter(Section):
    """Where the signals go, by OTLP/gRPC.

    Attributes:
        endpoint: ``host:port``; empty: windows are judged, and the signals go nowhere.
        insecure: without TLS.
        compression: of requests.
        timeout: of one request.
        retry_on_failure: how a failed one is tried again.
        sending_queue: what waits meanwhile.
    """

    endpoint: EndpointOrNone = ""
    insecure: bool = True
    compression: Literal["gzip", "none"] = "gzip"
    timeout: Annotated[Time, Field(ge=Duration.parse("1ms"))] = Duration.parse("10s")
    retry_on_failure: Retry = Retry()
    sending_queue: Queue = Queue()


class Storage(Section):
    """Where the processor keeps its state.

    Attributes:
        directory: of the one database file; relative to where the processor is started.
        checkpoint_interval: how often open windows are written; what came in since is read again after a crash.
    """

    directory: Annotated[Path, Field(strict=False)] = Path("tidegauge-data")
    checkpoint_interval: Annotated[Time, Field(ge=Duration.parse("100ms"))] = Duration.parse("10s")


class Windows(Section):
    """How time is cut, by the time of the predictions, aligned to the epoch.

    Attributes:
        duration: length of a window, a multiple of 10 seconds.
        allowed_lateness: how long a window waits for stragglers after later data was seen.
        idle_timeout: by the wall clock; a writer that is silent for so long is not waited for, and when all are, the
            windows of a model close without later data.
        hold: by the wall clock; how long a window waits for writers that are alive and for rows that they have counted.
    """

    duration: WindowLength = Duration.parse("1h")
    allowed_lateness: Time = Duration.parse("1m")
    idle_timeout: Annotated[Time, Field(ge=Duration.parse("1s"))] = Duration.parse("5m")
    hold: Time = Duration.parse("15m")


class Join(Section):
    """How outcomes meet their predictions by a key of the application's own, where nobody kept a receipt.

    Attributes:
        enabled: keep predictions with such a key, which the SDK announces with its setting ``prediction_events``.
        max_predictions: keys at most; those that came first make room, and are counted.
        expiration: how long a key is kept after its latest prediction or outcome.
    """

    enabled: bool = False
    max_predictions: Count = 1_000_000
    expiration: Annotated[Time, Field(ge=Duration.parse("1m"))] = Duration.parse("720h")


class Learning(Section):
    """How a baseline is learned for a model that arrives without one.

    Attributes:
        duration: stretch of the predictions' time to learn from; 0s: nothing is learned. Eight days are the least that
            give a reference for each hour of the day, eight weeks for each hour of the week.
        min_rows: learning goes on until there are so many rows.
    """

    duration: Time = Duration.parse("192h")
    min_rows: Count = 1000


class Labels(Section):
    """How outcomes are gathered.

    Attributes:
        window: predictions of so long a time are evaluated together, aligned to the epoch.
        wait: how long after its end a cohort waits before it is evaluated the first time; 0s: nobody knows how long
            outcomes take, and tests wait until that has been learned.
        retention: how long outcomes of a cohort are taken, counted from its start.
        join: how outcomes by prediction id find their predictions.
    """

    window: WindowLength = Duration.parse("24h")
    wait: Time = Duration.parse("0s")
    retention: Time = Duration.parse("2160h")
    join: Join = Join()

    @model_validator(mode="after")
    def _kept_until_evaluated(self) -> Self:
        if self.retention < self.window + self.wait:
            raise conflict(
                "retention",
                f"outcomes would be forgotten before they are evaluated: "
                f"write at least window + wait, {Duration(self.window + self.wait)}",
                "window",
                "wait",
            )
        if self.join.enabled and self.join.expiration > self.retention:
            raise conflict(
                "join.expiration",
                f"predictions would wait for outcomes that nobody takes any more: "
                f"write at most retention, {self.retention}",
                "retention",
            )
        return self


class Limits(Section):
    """How much one sender may ask for; what goes beyond is left out and counted, under the name of the limit.

    Attributes:
        identity_bytes: longest name of a model, version, feature, segment, writer, baseline or prediction, in UTF-8.
        request_nesting: how deep messages of a request may lie in one another; no parser takes more than 100.
        request_elements: messages in a request, such as points and their attributes, and eight varints for another one:
            each takes some hundred bytes of memory.
        buckets_per_point: buckets of a point of a histogram.
        models: models that are kept at once, by name; beyond, those that are silent make room, the longest first.
        versions_per_model: versions of one model, likewise.
        baselines_mib: published baselines that are kept, as JSON; those that are in use stay.
        baseline_pending_mib: parts of published baselines that wait for the rest; one writer may have half of them.
        windows_ahead: windows of a model version that may begin later than the clock on the wall says.
    """

    identity_bytes: Count = 1024
    request_nesting: Annotated[int, Field(ge=10, le=100)] = 100  # attributes of exemplars lie nine deep
    request_elements: Count = 2_000_000
    buckets_per_point: Count = 4096
    models: Count = 500
    versions_per_model: Count = 20
    baselines_mib: Mebibytes = 1024
    baseline_pending_mib: Mebibytes = 128
    windows_ahead: Count = 100


class Drift(Section):
    """When a change is real.

    Attributes:
        false_incidents_per_month: budget of false alarms of one model, all its streams and scales together.
        scales: numbers of windows that are judged together, ascending from 1.
        effect_floor: KS distance in [0, 1); a change that is not surely above it is reported but does not page.
        quiet_windows: windows without evidence after which an incident closes.
        compare_versions: versions of a model that have data at the same time are compared with each other.
        champion: the version that the others are compared with; empty: the one with most rows in the latest 24 windows.
    """

    false_incidents_per_month: Annotated[float, Field(gt=0)] = 1.0
    scales: Scales = (1, 3, 6, 12, 24, 48, 72)
    effect_floor: Annotated[float, Field(ge=0, lt=1)] = 0.02
    quiet_windows: Count = 24
    compare_versions: bool = True
    champion: str = ""


class Model(Section):
    """What differs for one model.

    Attributes:
        drift: the settings that are given replace the general ones, one by one.
    """

    drift: Drift = Drift()


class Logs(Section):
    """The processor's own log.

    Attributes:
        level: least serious entry that is written.
    """

    level: Literal["debug", "info", "warn", "error"] = "info"


class Metrics(Section):
    """The processor's own metrics.

    Attributes:
        level: ``none`` sends none.
    """

    level: Literal["none", "normal"] = "normal"


class Telemetry(Section):
    """What the processor says about itself."""

    logs: Logs = Logs()
    metrics: Metrics = Metrics()


class Service(Section):
    """The process."""

    telemetry: Telemetry = Telemetry()
