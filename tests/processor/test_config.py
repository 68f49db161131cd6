from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from tidegauge.errors import ConfigurationError
from tidegauge_processor.config import Config, Duration, load

EVERY_MISTAKE_AT_ONCE = """\
receiver:
  endpont: 127.0.0.1:4317
  max_recv_msg_size_mib: 512
exporter:
  endpoint: http://collector
  insecure: "yes"
  compression: zstd
  timeout: 10
  retry_on_failure: {initial_interval: 1m}
windows:
  duration: 95s
  idle_timeout: ${env:TIDEGAUGE_TEST_UNSET}
labels: {window: 1d, wait: 100h, retention: 110h}
series_expiration: 30m
drift:
  scales: [3, 2]
  effect_floor: 1.5
models:
  credit-risk:
    drift: {quiet_window: 3}
  credit-risk: {}
zzz: 1
service: 3
"""

WHAT_IS_SAID = """\
2: receiver.endpont: unknown key: did you mean endpoint?
3: receiver.max_recv_msg_size_mib: a request of 512 MiB could never be admitted: \
raise max_in_flight_mib, now 256, to at least that
5: exporter.endpoint: gRPC wants no scheme and no path: write collector:4317
6: exporter.insecure: must be true or false, not 'yes'
7: exporter.compression: must be one of 'gzip' or 'none', not 'zstd'
8: exporter.timeout: 10 has no unit: write 10s for seconds, or ms, m, h
9: exporter.retry_on_failure.max_interval: must be at least initial_interval, 1m
11: windows.duration: must be a multiple of 10s, the interval at which the SDK sends, \
so that no interval lies in two windows: write 1m40s
12: windows.idle_timeout: the environment has no TIDEGAUGE_TEST_UNSET: \
set it, or write ${env:TIDEGAUGE_TEST_UNSET:-default}
13: labels.window: durations have no unit for days: write 24h
16: drift.scales: must ascend from 1, each a number of windows: write [1, 2, 3]
17: drift.effect_floor: must be less than 1.0, not 1.5
20: models.credit-risk.drift.quiet_window: unknown key: did you mean quiet_windows?
21: models.credit-risk: given twice: remove one
22: zzz: unknown key: there are receiver, exporter, storage, windows, learning, labels, limits, \
metrics_flush_interval, series_expiration, aggregation_cardinality_limit, baselines, replay, drift, models, service
23: service: must be a section with keys of its own, not 3
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "processor.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines)
    return [line.removeprefix(f"{path}:") for line in lines]


def test_no_file_means_the_defaults() -> None:
    config = load(None)
    assert config.receiver.endpoint == "127.0.0.1:4317"
    assert config.exporter.endpoint == ""
    assert config.storage.directory == Path("tidegauge-data")
    assert config.windows.duration == 3_600_000_000_000
    assert config.labels.retention.seconds == 90 * 86_400
    assert config.drift.scales == (1, 3, 6, 12, 24, 48, 72)
    assert config.replay is False


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "receiver:\nmodels:\n", "{}"])
def test_an_empty_file_or_section_means_the_defaults(tmp_path: Path, text: str) -> None:
    assert load(written(tmp_path, text)) == Config()


def test_every_mistake_is_said_at_once_with_its_line_and_the_way_out(tmp_path: Path) -> None:
    assert mistakes(tmp_path, EVERY_MISTAKE_AT_ONCE) == WHAT_IS_SAID.splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a: [",
            "1: not YAML: while parsing a flow node expected the node content, but found '<stream end>'",
        ),
        (
            "receiver:\n\tendpoint: x",
            "2: not YAML: while scanning for the next token found character '\\t' that cannot start any token",
        ),
        ("- receiver", "1: must be a section with keys of its own, not a list"),
        ("a: &a [*a]", "1: nested too deeply: remove the alias that contains itself"),
        ("receiver: {endpoint: 4317}", "1: receiver.endpoint: must be a text, not 4317: put it between quotes"),
        (
            "receiver: {endpoint: ':4317'}",
            "1: receiver.endpoint: ':4317' names no host: write 127.0.0.1:4317, "
            "or 0.0.0.0:4317 to be reached from elsewhere",
        ),
        (
            "receiver: {endpoint: 'localhost:70000'}",
            "1: receiver.endpoint: there is no port 70000: write one from 0 to 65535",
        ),
        ("exporter: {endpoint: 'localhost:0'}", "1: exporter.endpoint: there is no port 0: write one from 1 to 65535"),
        (
            "exporter: {endpoint: collector}",
            "1: exporter.endpoint: 'collector' is not host:port: write it like collector:4317",
        ),
        ("windows: {duration: 5s}", "1: windows.duration: must be at least 10s, not '5s'"),
        (
            "windows: {duration: -1h}",
            "1: windows.duration: '-1h' is not a duration: write it like 15s, 5m, 1h30m or 500ms",
        ),
        (
            "windows: {duration: 48h}",
            "1: series_expiration: signals would vanish before the next window replaces them: "
            "write at least windows.duration, 48h",
        ),
        ("drift: {scales: []}", "1: drift.scales: must not be empty"),
        ("drift: {scales: [1, 3, 3]}", "1: drift.scales: must ascend from 1, each a number of windows: write [1, 3]"),
        ("drift: {scales: [1, 8192]}", "1: drift.scales[1]: must be at most 8191, not 8192"),
        ("drift: {scales: [1, true]}", "1: drift.scales[1]: must be a whole number, not true"),
        (
            "drift: {false_incidents_per_month: 0}",
            "1: drift.false_incidents_per_month: must be greater than 0.0, not 0",
        ),
        (
            "drift: {false_incidents_per_month: .inf}",
            "1: drift.false_incidents_per_month: must be a finite number, not inf",
        ),
        ("models: [a]", "1: models: must be a section with a key for each name, not a list"),
        (
            "labels: {retention: 1h}",
            "1: labels.retention: outcomes would be forgotten before they are evaluated: "
            "write at least window + wait, 24h",
        ),
        (
            "baselines: ${BASELINES}",
            "1: baselines: ${BASELINES} is not understood: write ${env:BASELINES} or ${env:BASELINES:-default}",
        ),
        ("baselines: 2013-02-30", "1: baselines: 2013-02-30 is not understood: put it between quotes"),
        ("baselines: !folder x", "1: not YAML: could not determine a constructor for the tag '!folder'"),
        ("? [a]\n: 1\n", "1: a key must be a name"),
        ("limits: {identity_bytes: 0}", "1: limits.identity_bytes: must be at least 1, not 0"),
        ("limits: {request_nesting: 101}", "1: limits.request_nesting: must be at most 100, not 101"),
        ("limits: {request_nesting: 9}", "1: limits.request_nesting: must be at least 10, not 9"),
    ],
)
def test_a_mistake_is_one_line_that_says_how_to_mend_it(tmp_path: Path, text: str, said: str) -> None:
    assert mistakes(tmp_path, text) == [said]


@pytest.mark.parametrize("shape", ["[{}]", "{{{}}}"])
def test_aliases_of_aliases_hold_nobody(tmp_path: Path, shape: str) -> None:
    """Ten lines that stand for a thousand million values."""
    lines = ["a0: &a0 x"]
    for number in range(1, 11):
        below = [f"*a{number - 1}"] * 8 if shape == "[{}]" else [f"k{place}: *a{number - 1}" for place in range(8)]
        lines.append(f"a{number}: &a{number} {shape.format(', '.join(below))}")
    (said,) = mistakes(tmp_path, "\n".join(lines))
    assert said.endswith(
        "there are more than 100,000 values in it: write out what the aliases (*name) repeat, and only once"
    )


def test_an_alias_is_read(tmp_path: Path) -> None:
    config = load(written(tmp_path, "drift: &d {effect_floor: 0.1}\nmodels: {fraud: {drift: *d}}\n"))
    assert config.for_model("fraud").effect_floor == 0.1


def test_a_rule_between_settings_is_silent_while_one_of_them_is_wrong(tmp_path: Path) -> None:
    text = "receiver:\n  max_recv_msg_size_mib: 512\n  max_in_flight_mib: much\n"
    assert mistakes(tmp_path, text) == ["3: receiver.max_in_flight_mib: must be a whole number, not 'much'"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.yaml", None, "no such file or directory"),
        (".", None, "is a directory"),
        ("latin.yaml", b"\xe9", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=said) as caught:
        load(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_the_environment_fills_in_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY", "gateway")
    monkeypatch.setenv("SIZE", "12")
    monkeypatch.setenv("EMPTY", "")
    text = """\
exporter: {endpoint: "${env:GATEWAY}:${env:PORT:-14317}", sending_queue: {queue_size: "${env:SIZE}"}}
aggregation_cardinality_limit: ${env:SIZE}
baselines: ${env:EMPTY}
storage: {directory: "$${env:GATEWAY}"}
"""
    config = load(written(tmp_path, text))
    assert config.exporter.endpoint == "gateway:14317"
    assert config.exporter.sending_queue.queue_size == config.aggregation_cardinality_limit == 12
    assert config.baselines == ""
    assert config.storage.directory == Path("${env:GATEWAY}")


def test_a_model_replaces_single_drift_settings() -> None:
    config = Config.model_validate(
        yaml.safe_load(
            "drift: {effect_floor: 0.1, quiet_windows: 6}\nmodels: {fraud: {drift: {effect_floor: 0.02}}, churn:}\n"
        )
    )
    assert config.for_model("fraud").effect_floor == 0.02  # given, though it equals the default
    assert config.for_model("fraud").quiet_windows == 6
    assert config.for_model("churn") == config.for_model("unknown") == config.drift


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().windows.duration = Duration.parse("2h")  # type: ignore[misc]


def test_the_readme_shows_the_defaults() -> None:
    readme = Path(__file__).parents[2] / "collector_processor" / "README.md"
    text = readme.read_text(encoding="utf-8").partition("```yaml\nreceiver:")[2].partition("```")[0]
    shown = yaml.safe_load(f"receiver:{text}")
    assert Config.model_validate(shown) == Config()
    assert set(shown) == set(Config.model_fields)
    for name, section in shown.items():
        if isinstance(section, dict) and name != "models":
            assert set(section) == set(type(getattr(Config(), name)).model_fields)
    assert set(shown["labels"]["join"]) == set(type(Config().labels.join).model_fields)


def test_a_join_that_outlives_the_cohorts_is_a_mistake() -> None:
    assert Config.model_validate({"labels": {"retention": "240h"}}).labels.join.enabled is False
    with pytest.raises(ValidationError, match=r"write at most retention, 240h"):
        Config.model_validate({"labels": {"retention": "240h", "join": {"enabled": True}}})
