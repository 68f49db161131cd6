from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.baseline import Baseline, CategoricalFeature, NumericFeature, ScoreReference
from tidegauge.baseline.file import canonical, digest
from tidegauge.errors import BaselineError


def small(**changes: Any) -> Baseline:
    fields: dict[str, Any] = {
        "model": "churn",
        "version": "3",
        "task": "binary",
        "slots": 1,
        "features": (
            NumericFeature("age", np.array([17.5, 65.0]), np.array([[0, 3, 1]]), np.array([1]), 0.0, 120.0),
            CategoricalFeature(
                "colour", ("red", "blå"), ("puce",), False, np.array([[2, 2, 1, 0]]), np.array([0]), False
            ),
            CategoricalFeature("member", ("false", "true"), (), False, np.array([[1, 4, 0, 0]]), np.array([0]), True),
        ),
        "classes": ("0", "1"),
        "class_counts": np.array([[3, 2]]),
        "threshold": 0.5,
        "score": ScoreReference(np.array([0.25]), ("0", "1"), np.array([[[2, 1], [0, 2]]])),
        "value": None,
        "rows": 5,
        "start": 1_700_000_000_000_000_000,
        "end": 1_700_003_600_000_000_000,
        "performance": {"accuracy": 0.8},
        "metadata": {"author": "me", "run": 17, "final": True},
    }
    return Baseline(**fields | changes)


GOLDEN = r"""{
"class_counts":[[3,2]],
"classes":["0","1"],
"end":1700003600000000000,
"features":[
{"bounds":[17.5,65.0],"counts":[[0,3,1]],"high":120.0,"low":0.0,"missing":[1],"name":"age","type":"numeric"},
{"categories":["red","bl\u00e5"],"counts":[[2,2,1,0]],"missing":[0],"name":"colour","open":false,"others":["puce"],"type":"categorical"},
{"categories":["false","true"],"counts":[[1,4,0,0]],"missing":[0],"name":"member","open":false,"others":[],"type":"boolean"}],
"format":"tidegauge.baseline/1",
"id":"bff45225bf849193f8a62de1dea9f7b9",
"joint":null,
"metadata":{"author":"me","final":true,"run":17},
"model":"churn",
"performance":{"accuracy":0.8},
"rows":5,
"score":{"bounds":[0.25],"classes":["0","1"],"counts":[[[2,1],[0,2]]]},
"slots":1,
"start":1700000000000000000,
"task":"binary",
"threshold":0.5,
"value":null,
"version":"3"
}
"""


def test_a_small_baseline_as_a_file(tmp_path: Path) -> None:
    small().save(tmp_path / "churn.json")
    assert (tmp_path / "churn.json").read_text() == GOLDEN
    assert Baseline.load(tmp_path / "churn.json") == small()


def test_there_and_back() -> None:
    read = Baseline.from_bytes(small().to_bytes())
    assert read == small()
    assert read.to_bytes() == small().to_bytes()
    assert (read.id, hash(read)) == (small().id, hash(small()))
    assert [feature.name for feature in read.features] == ["age", "colour", "member"]
    assert read.feature("colour").counts.tolist() == [[2, 2, 1, 0]]
    assert pickle.loads(pickle.dumps(read)) == read
    with pytest.raises(KeyError):
        read.feature("height")


def test_a_regression_there_and_back() -> None:
    value = NumericFeature("prediction", np.array([1e-310]), np.array([[2, 3]]), np.array([0]), -1e308, 1e308)
    baseline = small(task="regression", classes=(), class_counts=None, score=None, value=value, start=None, end=None)
    read = Baseline.from_bytes(baseline.to_bytes())
    assert read == baseline
    assert read.value is not None
    assert read.value.bounds.tolist() == [1e-310]
    assert read.positive is None


def test_baselines_of_other_content_differ() -> None:
    assert small() != small(metadata={})
    assert small() != small(threshold=0.25)
    assert small() != small().id


def paths(plain: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the leaves of a JSON value are."""
    if isinstance(plain, dict | list) and plain:
        pairs = plain.items() if isinstance(plain, dict) else enumerate(plain)
        return [path for key, value in pairs for path in paths(value, (*at, key))]
    return [at]


def edited(plain: dict[str, Any], path: tuple[Any, ...], change: Callable[[Any], Any]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(plain))
    place: Any = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = change(place[path[-1]])
    return copy


PLAIN = json.loads(small().to_bytes())


@pytest.mark.parametrize("path", paths(PLAIN), ids=lambda path: ".".join(map(str, path)))
def test_an_edit_by_hand_is_noticed(path: tuple[Any, ...]) -> None:
    def change(value: Any) -> Any:
        return value + "x" if isinstance(value, str) else value + 1 if isinstance(value, int | float) else ["x"]

    with pytest.raises(
        BaselineError, match="changed after it was written" if path != ("format",) else "cannot be read"
    ):
        Baseline.from_bytes(canonical(edited(PLAIN, path, change)))


def signed(plain: dict[str, Any]) -> bytes:
    """``plain`` with an id that fits, as somebody would write it who knows the format."""
    content = {name: value for name, value in plain.items() if name != "id"}
    return canonical(content | {"id": digest(content)})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ("task",),
            "guess",
            "unknown task 'guess': it must be one of binary, multiclass, regression, ranking, anomaly",
        ),
        (("slots",), 7, "slots must be 1, 24 or 168, not 7"),
        (("slots",), 24, "24 season slots|does not fit"),
        (("model",), "", "model must be a text"),
        (("version",), 3, "version must be a text"),
        (("features", 0, "bounds"), [1.0, 1.0], "feature 'age': bounds must ascend strictly"),
        (("features", 0, "bounds"), ["x"], "feature 'age': "),
        (("features", 0, "counts"), [[1, 2]], "feature 'age': counts have the shape"),
        (("features", 0, "counts"), [[0, 3.5, 1]], "other names or types"),
        (("features", 0, "counts"), [[0, -3, 1]], "feature 'age': counts below zero"),
        (("features", 0, "counts"), [[0, 2**70, 1]], "feature 'age': counts are not a table"),
        (("features", 0, "low"), 1000.0, "feature 'age': valid range"),
        (("features", 0, "type"), "text", "not a baseline"),
        (("features", 1, "categories"), ["red", "red"], "feature 'colour': a category stands twice"),
        (("features", 1, "categories"), ["red", "_other"], "feature 'colour': a category stands twice or is called"),
        (("features", 1, "others"), [str(i) for i in range(1001)], "feature 'colour': more than 63 categories or 1000"),
        (("features", 1, "name"), "age", "a feature stands twice"),
        (("features",), None, "not a baseline"),
        (("score", "classes"), ["0"], "score: counts have the shape"),
        (("class_counts",), [[1, 2, 3]], "classes: counts have the shape"),
        (("performance", "accuracy"), "good", r"performance\['accuracy'\] must be float, not 'good'"),
        (("metadata", "run"), [1], r"metadata\['run'\] must be str or int or float or bool"),
        (("rows",), None, "rows must be a whole number, not None"),
        (("start",), 1.5, "start must be a whole number, not 1.5"),
        (("threshold",), "x", "threshold must be a finite number, not 'x'"),
    ],
)
def test_nonsense_with_a_right_id_is_refused(path: tuple[Any, ...], value: Any, message: str) -> None:
    with pytest.raises(BaselineError, match=message):
        Baseline.from_bytes(signed(edited(PLAIN, path, lambda _: value)))


def test_fields_of_another_version_are_refused() -> None:
    with pytest.raises(BaselineError, match="other names or types"):
        Baseline.from_bytes(signed(PLAIN | {"calibration": []}))
    with pytest.raises(BaselineError, match="not a baseline: KeyError 'rows'"):
        Baseline.from_bytes(signed({name: value for name, value in PLAIN.items() if name != "rows"}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"format": NaN}', "not JSON: NaN is not a JSON number"),
        (b"[]", "not a baseline"),
        (b"{}", "not a baseline"),
        (b'{"format": "tidegauge.baseline/2"}', "format 'tidegauge.baseline/2' cannot be read by this version"),
        (b'{"format": "tidegauge.baseline/1"}', "changed after it was written: id says None"),
    ],
)
def test_what_is_no_baseline_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(BaselineError, match=message) as caught:
        Baseline.from_bytes(data)
    assert "\n" not in str(caught.value)


@given(st.integers(0, len(GOLDEN) - 1), st.characters(codec="ascii"))
def test_any_changed_character_is_noticed_or_means_the_same(place: int, character: str) -> None:
    changed = GOLDEN[:place] + character + GOLDEN[place + 1 :]
    try:
        read = Baseline.from_bytes(changed.encode())
    except BaselineError:
        return
    assert read == small()  # white space, or another spelling of the same number


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=r"cannot read baseline '.*nothing.json': No such file or directory"):
        Baseline.load(tmp_path / "nothing.json")
    with pytest.raises(BaselineError, match=r"cannot read baseline '.*': Is a directory"):
        Baseline.load(tmp_path)
    with pytest.raises(BaselineError, match=r"cannot write baseline '.*': No such file or directory"):
        small().save(tmp_path / "no folder" / "x.json")
    (tmp_path / "text.json").write_text("hello")
    with pytest.raises(BaselineError, match=r"cannot use baseline '.*text.json': not JSON"):
        Baseline.load(tmp_path / "text.json")


def test_arrays_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        small().features[0].counts[0, 0] = 5


def test_infinite_metadata_is_refused() -> None:
    with pytest.raises(BaselineError, match=r"metadata\['x'\] is inf, which JSON cannot hold"):
        small(metadata={"x": float("inf")})


@pytest.mark.parametrize(
    ("value", "label"), [("true", "true"), ("1", "true"), ("0", "false"), ("yes", "_unseen"), ("_other", "_unseen")]
)
def test_ones_and_zeros_are_true_and_false_to_a_boolean(value: str, label: str) -> None:
    member = small().feature("member")
    assert isinstance(member, CategoricalFeature)
    assert member.place(value) == label
    assert member.labels == ("false", "true", "_other", "_unseen")


def test_an_open_vocabulary_knows_everything() -> None:
    feature = CategoricalFeature("id", ("a",), (), True, np.array([[1, 1, 0]]), np.array([0]), False)
    assert [feature.place(value) for value in ("a", "b")] == ["a", "_other"]
