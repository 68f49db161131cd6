import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge_processor.config import Duration


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("1ns", 1),
        ("1.5us", 1_500),
        ("1.5µs", 1_500),
        ("1.5μs", 1_500),
        ("500ms", 500_000_000),
        ("15s", 15_000_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("0.1s", 100_000_000),
        ("5m", 300_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1m1m", 120_000_000_000),
        ("2160h", 7_776_000_000_000_000),
        ("1.0000000009s", 1_000_000_000),
    ],
)
def test_reads_what_go_reads(text: str, nanoseconds: int) -> None:
    assert Duration.parse(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not a duration"),
        ("10", "10 has no unit: write 10s for seconds"),
        ("1.5", "1.5 has no unit: write 1.5s for seconds"),
        ("7d", "write 168h"),
        ("-5s", "'-5s' is not a duration"),
        ("1 h", "'1 h' is not a duration"),
        ("1h30", "'1h30' is not a duration"),
        ("1H", "'1H' is not a duration"),
        (".s", "'.s' is not a duration"),
        ("٣s", "is not a duration"),
        ("9999999h", "longer than the 292 years"),
    ],
)
def test_says_how_to_mend_the_rest(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5us"),
        (20_000_000, "20ms"),
        (1_000_000_001, "1.000000001s"),
        (60_000_000_000, "1m"),
        (3_600_000_000_000, "1h"),
        (3_600_000_000_001, "1h1ns"),
        (86_400_000_000_000, "24h"),
    ],
)
def test_spells_short(nanoseconds: int, text: str) -> None:
    assert str(Duration(nanoseconds)) == f"{Duration(nanoseconds)}" == text


@given(st.integers(0, 2**63 - 1))
def test_reads_what_it_spells(nanoseconds: int) -> None:
    assert Duration.parse(str(Duration(nanoseconds))) == nanoseconds
