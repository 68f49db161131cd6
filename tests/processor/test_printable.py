"""Names cannot forge lines of the log or of a terminal, nor speak to the terminal itself."""

import io
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from rich.table import Table

from tests.processor.models import baseline
from tests.processor.test_cli import ended
from tidegauge import Baseline
from tidegauge_processor import learned_files
from tidegauge_processor.cli import main
from tidegauge_processor.printable import PrintableFormatter, printable
from tidegauge_processor.terminal import Screen

EVIL = "m\nINFO forged: all is well\x1b[31m\r\x07\u2028\u202e\x85\x00"
ESCAPED = r"m\nINFO forged: all is well\x1b[31m\r\x07\u2028\u202e\x85\x00"


def logged(raise_with: str | None = None) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrintableFormatter("%(levelname)s %(name)s: %(message)s"))
    logger = logging.Logger("tested")
    logger.addHandler(handler)
    if raise_with is None:
        logger.warning("%s has no baseline", EVIL)
    else:
        try:
            raise ValueError(raise_with)
        except ValueError:
            logger.exception("%s could not be judged", EVIL)
    return stream.getvalue()


def test_what_cannot_be_seen_is_escaped_and_all_else_is_left() -> None:
    assert printable(EVIL) == ESCAPED
    assert printable("信用 crédit 💳 \\n") == "信用 crédit 💳 \\n"
    assert printable("\ud800") == r"\ud800"


def test_an_entry_of_the_log_is_one_line() -> None:
    assert logged() == f"WARNING tested: {ESCAPED} has no baseline\n"


def test_no_line_of_a_traceback_looks_like_an_entry() -> None:
    first, *lines = logged(raise_with=EVIL).splitlines()
    assert first == f"ERROR tested: {ESCAPED} could not be judged"
    assert all(line.startswith("    ") for line in lines)
    assert "    INFO forged: all is well\\x1b[31m\\r\\x07\\u2028\\u202e\\x85\\x00" in lines


def test_a_screen_prints_names_as_they_can_be_seen() -> None:
    stream = io.StringIO()
    screen = Screen(file=stream, width=200, force_terminal=True, color_system=None)
    table = Table("stream", title=EVIL)
    table.add_row(EVIL)
    screen.print(table)
    screen.print(f"\n{EVIL} [red]:bomb:[/red]\n")
    shown = stream.getvalue()
    assert shown.count(ESCAPED) == 3
    assert "\n" + ESCAPED + " [red]:bomb:[/red]\n" in shown
    assert not set(shown) & set("\x1b\r\x07\u2028\u202e\x85\x00")


def named(name: str) -> Baseline:
    known = baseline()
    return replace(known, model=name, features=(replace(known.features[0], name=name), known.features[1]), joint=None)


def test_what_is_in_a_baseline_is_shown_as_it_can_be_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named("\x1b[2J").save(tmp_path / "b.json")
    assert ended("baseline", "show", str(tmp_path / "b.json")) == 0
    shown = capsys.readouterr().out
    assert shown.count(r"\x1b[2J") == 2  # the model and a feature
    assert "\x1b" not in shown


def test_a_validated_configuration_names_its_models_in_a_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named(EVIL).save(tmp_path / "b.json")
    (tmp_path / "c.yaml").write_text(f"baselines: {tmp_path}\n")
    assert ended("validate", str(tmp_path / "c.yaml")) == 0
    shown = capsys.readouterr().out
    assert ESCAPED in shown
    assert not any(line.startswith("INFO forged") for line in shown.splitlines())


def test_an_error_that_holds_a_name_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learned_files.write(tmp_path, [named(EVIL)])
    with pytest.raises(SystemExit):
        main(["baseline", "promote", "none", "1", "--state", str(tmp_path)])
    _, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith("tidegauge: no baseline of none 1 has been learned")
    assert "\x1b" not in line
