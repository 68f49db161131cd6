"""Settings: what code gives must be right, what the environment gives falls back with one line."""

import pytest

from tidegauge import ConfigurationError, Settings
from tidegauge._environment import _say_once

DEFAULTS = Settings()
EVERY = "seconds that divide an hour or are whole hours, also with a unit, as in 500ms, 2s, 5m, 1h or 1m30s. "


@pytest.fixture(autouse=True)
def nothing_said():
    _say_once.cache_clear()


@pytest.mark.parametrize(
    ("variable", "text", "field", "accepted"),
    [
        ("TIDEGAUGE_EXPORT_INTERVAL", "soon", "export_interval", EVERY),
        ("TIDEGAUGE_EXPORT_INTERVAL", "7", "export_interval", EVERY),
        ("TIDEGAUGE_EXPORT_INTERVAL", "7s", "export_interval", EVERY),
        ("TIDEGAUGE_EXPORT_INTERVAL", "10 parsecs", "export_interval", EVERY),
        ("TIDEGAUGE_EXPORT_INTERVAL", "nan", "export_interval", EVERY),
        ("TIDEGAUGE_EXPORT_INTERVAL", "inf", "export_interval", EVERY),
        ("TIDEGAUGE_OUTCOME_WAIT", "1e300", "outcome_wait", "seconds from 0 to "),
        ("TIDEGAUGE_SHUTDOWN_TIMEOUT", "-1", "shutdown_timeout", "seconds from 0 to "),
        ("TIDEGAUGE_PUBLISH_INTERVAL", "0", "publish_interval", "seconds above 0, up to "),
        ("TIDEGAUGE_BUFFER_ROWS", "0", "buffer_rows", "a whole number above 0"),
        ("TIDEGAUGE_QUEUE_EVENTS", "many", "queue_events", "a whole number above 0"),
        ("TIDEGAUGE_CAPTURE", "all", "capture", "one of summary, values, none"),
        ("TIDEGAUGE_DISABLED", "maybe", "disabled", "true or false"),
    ],
)
def test_a_variable_that_cannot_be_read_falls_back_to_the_default_with_one_line(
    variable, text, field, accepted, caplog
):
    for _ in range(3):
        assert Settings.from_environment({variable: text}) == DEFAULTS
    (line,) = caplog.messages
    assert line.startswith(f"Tidegauge cannot use {variable}={text!r}: it takes {accepted}")
    assert line.endswith(f"It goes on with the default, {getattr(DEFAULTS, field)}.")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"export_interval": "soon"},
            "export_interval (TIDEGAUGE_EXPORT_INTERVAL) takes seconds that divide an hour or",
        ),
        ({"export_interval": 7}, "are whole hours, not 7"),
        ({"export_interval": float("nan")}, "are whole hours, not nan"),
        ({"outcome_wait": 1e300}, "outcome_wait (TIDEGAUGE_OUTCOME_WAIT) takes seconds from 0 to "),
        ({"buffer_rows": 0}, "buffer_rows (TIDEGAUGE_BUFFER_ROWS) takes a whole number above 0, not 0"),
        ({"capture": "all"}, "capture (TIDEGAUGE_CAPTURE) takes one of summary, values, none, not 'all'"),
        ({"disabled": "maybe"}, "disabled (TIDEGAUGE_DISABLED) takes true or false, not 'maybe'"),
        ({"receipt_key": b""}, "receipt_key (TIDEGAUGE_RECEIPT_KEY) takes bytes that are not empty"),
    ],
)
def test_a_value_given_in_code_that_is_wrong_is_one_clear_line(given, message):
    for make in (Settings, lambda **given: Settings.from_environment({}, **given)):
        with pytest.raises(ConfigurationError) as caught:
            make(**given)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_is_given_goes_before_a_variable_that_is_then_not_read(caplog):
    found = Settings.from_environment({"TIDEGAUGE_EXPORT_INTERVAL": "soon"}, export_interval=60)
    assert found.export_interval == 60
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2", 2), ("2.0", 2), (" 2s ", 2), ("500ms", 0.5), ("1.5s", 1.5), ("5m", 300), ("1h", 3600), ("1m30s", 90)],
)
def test_times_may_have_units(text, seconds):
    assert Settings.from_environment({"TIDEGAUGE_SHUTDOWN_TIMEOUT": text}).shutdown_timeout == seconds
    assert Settings.from_environment({"TIDEGAUGE_OUTCOME_WAIT": text}).outcome_wait == seconds
    assert Settings.from_environment({"TIDEGAUGE_PUBLISH_INTERVAL": text}).publish_interval == seconds


@pytest.mark.parametrize(("text", "off"), [("true", True), ("YES", True), ("on", True), ("0", False), ("Off", False)])
def test_flags_are_read_in_the_usual_spellings(text, off):
    assert Settings.from_environment({"TIDEGAUGE_DISABLED": text}).disabled is off


def test_the_key_is_read_as_it_stands_and_never_shown():
    settings = Settings.from_environment({"TIDEGAUGE_RECEIPT_KEY": "secret "})
    assert settings.receipt_key == b"secret "
    assert "secret" not in repr(settings)
