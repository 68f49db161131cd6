import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tidegauge_processor.cli import main


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


def started_without(package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.modules[{package!r}] = None; from tidegauge_processor.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--version") == 0
    assert capsys.readouterr() == (f"tidegauge {version('tidegauge')}\n", "")


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--help") == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("run", "validate", "baseline", "backtest"))


@pytest.mark.parametrize(("group", "command"), [([], "validate"), (["baseline"], "build")])
def test_no_command_shows_the_help_and_is_wrong_use(
    capsys: pytest.CaptureFixture[str], group: list[str], command: str
) -> None:
    assert ended(*group) == 2
    out, err = capsys.readouterr()
    assert command in out
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["validate"], "Missing argument 'FILE'."),
        (["vaildate", "x"], "No such command 'vaildate'."),
        (["run", "--cofig", "x"], "No such option: --cofig"),
        (["run", "--config"], "Option '--config' requires an argument."),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert ended(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"tidegauge: {said}")
    assert err.count("\n") == 1


def test_validate_shows_the_settings_in_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "processor.yaml"
    path.write_text("windows: {duration: 10m}\nmodels: {fraud: {drift: {effect_floor: 0.1}}}\n", encoding="utf-8")
    assert ended("validate", str(path)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0] == f"{path} is valid"
    settings = [line.split(maxsplit=1) for line in out.splitlines()[1:]]
    assert ["windows.duration", "10m"] in settings
    assert ["windows.idle_timeout", "5m  (default)"] in settings
    assert ["exporter.endpoint", '""  (default)'] in settings
    assert ["models.fraud.drift.effect_floor", "0.1"] in settings
    assert ["models.fraud.drift.scales", "[1, 3, 6, 12, 24, 48, 72]  (default)"] in settings


def test_validate_shows_every_mistake_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "processor.yaml"
    path.write_text("window: {}\nreplay: 3\n", encoding="utf-8")
    assert ended("validate", str(path)) == 1
    assert capsys.readouterr() == (
        "",
        f"{path}:1: window: unknown key: did you mean windows?\n{path}:2: replay: must be true or false, not 3\n",
    )


@pytest.mark.parametrize("command", [["validate"], ["run", "--config"]])
def test_a_file_that_is_not_there_fails_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    path = tmp_path / "absent.yaml"
    assert ended(*command, str(path)) == 1
    assert capsys.readouterr() == ("", f"tidegauge: cannot read {path}: no such file or directory\n")


@pytest.mark.parametrize(
    ("package", "arguments"), [("typer", ["--version"]), ("pydantic", ["--version"]), ("grpc", ["run"])]
)
def test_without_the_extra_one_line_says_how_to_get_it(package: str, arguments: list[str]) -> None:
    ended = started_without(package, *arguments)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == f'tidegauge: this command needs {package}: pip install "tidegauge[processor]"\n'
