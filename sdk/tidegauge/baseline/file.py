"""The baseline as JSON.

The id of a baseline is the SHA-256 digest of its canonical form: keys in order, no white space, ASCII, finite numbers,
without the id itself. It is computed from what was parsed, so that a file may be laid out for reading, and any change
of its content is noticed.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from tidegauge.baseline.features import CategoricalFeature, Feature, NumericFeature, ScoreReference
from tidegauge.baseline.joint import JointReference
from tidegauge.errors import BaselineError
from tidegauge.statistics.wobble import Wobble

if TYPE_CHECKING:
    from tidegauge.baseline.baseline import Baseline

FORMAT: Final = "tidegauge.baseline/1"
"""Name and version of the layout."""


def to_plain(baseline: Baseline) -> dict[str, Any]:
    """Write ``baseline`` as plain JSON values, without its id."""
    return {
        "format": FORMAT,
        "model": baseline.model,
        "version": baseline.version,
        "task": baseline.task,
        "rows": baseline.rows,
        "start": baseline.start,
        "end": baseline.end,
        "slots": baseline.slots,
        "threshold": baseline.threshold,
        "classes": list(baseline.classes),
        "class_counts": None if baseline.class_counts is None else baseline.class_counts.tolist(),
        "score": None if baseline.score is None else _score(baseline.score),
        "value": None if baseline.value is None else _feature(baseline.value),
        "features": [_feature(feature) for feature in baseline.features],
        "performance": dict(baseline.performance),
        "metadata": dict(baseline.metadata),
        **_wobbles(class_wobble=baseline.class_wobble),
        "joint": None if baseline.joint is None else _joint(baseline.joint),
        **({"attributions": [_feature(part) for part in baseline.attributions]} if baseline.attributions else {}),
    }


def fields(plain: dict[str, Any]) -> dict[str, Any]:
    """Read the arguments of `Baseline` out of what `to_plain` wrote.

    Raises:
        KeyError, TypeError, ValueError: ``plain`` is not of that form.
        BaselineError: parts of it do not fit together.
    """
    return {
        **{name: plain[name] for name in ("model", "version", "task", "rows", "start", "end", "slots", "threshold")},
        "classes": tuple(plain["classes"]),
        "class_counts": plain["class_counts"],
        "score": None if plain["score"] is None else _read_score(plain["score"]),
        "value": None if plain["value"] is None else _numeric(plain["value"]),
        "features": tuple(_read_feature(feature) for feature in plain["features"]),
        "performance": plain["performance"],
        "metadata": plain["metadata"],
        **_read_wobbles(plain),
        "joint": None if plain["joint"] is None else _read_joint(plain["joint"]),
        "attributions": tuple(_numeric(part) for part in plain.get("attributions", ())),
    }


def canonical(plain: Any) -> bytes:
    r"""Write ``plain`` in canonical form.

    >>> canonical({"b": [1, 0.5], "a": "é"})
    b'{"a":"\\u00e9","b":[1,0.5]}'
    """
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def readable(plain: dict[str, Any]) -> bytes:
    """Write ``plain`` with a line for each entry and each feature, so that files can be compared line by line.

    >>> print(readable({"features": [{"name": "x"}, {"name": "y"}], "model": "m"}).decode(), end="")
    {
    "features":[
    {"name":"x"},
    {"name":"y"}],
    "model":"m"
    }
    """
    entries = []
    for key, value in sorted(plain.items()):
        if key == "features":
            text = b"[" + b",".join(b"\n" + canonical(feature) for feature in value) + b"]"
        else:
            text = canonical(value)
        entries.append(canonical(key) + b":" + text)
    return b"{\n" + b",\n".join(entries) + b"\n}\n"


def digest(plain: dict[str, Any]) -> str:
    """Digest of ``plain``: 32 hexadecimal digits."""
    return hashlib.sha256(canonical(plain)).hexdigest()[:32]


def parse(data: bytes) -> tuple[str, dict[str, Any]]:
    """Read a file's stated id and its content, and check that they belong together.

    Raises:
        BaselineError: ``data`` is not JSON, not a baseline, of another format version, or changed since it was written.
    """
    try:
        plain = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as problem:
        raise BaselineError(f"not JSON: {problem}") from problem
    if not isinstance(plain, dict) or not isinstance(plain.get("format"), str):
        raise BaselineError(f'not a baseline: its "format" should be "{FORMAT}"')
    if plain["format"] != FORMAT:
        raise BaselineError(f"format {plain['format']!r} cannot be read by this version, which reads {FORMAT!r}")
    stated = plain.pop("id", None)
    actual = digest(plain)
    if stated != actual:
        raise BaselineError(f"the content was changed after it was written: id says {stated}, digest is {actual}")
    return actual, plain


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _score(score: ScoreReference) -> dict[str, Any]:
    return {
        "bounds": score.bounds.tolist(),
        "classes": list(score.classes),
        "counts": score.counts.tolist(),
        **_wobbles(wobble=score.wobble),
    }


def _read_score(plain: dict[str, Any]) -> ScoreReference:
    return ScoreReference(**plain | _read_wobbles(plain))


def _feature(feature: Feature) -> dict[str, Any]:
    plain = {
        "name": feature.name,
        "counts": feature.counts.tolist(),
        "missing": feature.missing.tolist(),
        **_wobbles(wobble=feature.wobble, missing_wobble=feature.missing_wobble),
    }
    if isinstance(feature, NumericFeature):
        return plain | {"type": "numeric", "bounds": feature.bounds.tolist(), "low": feature.low, "high": feature.high}
    return plain | {
        "type": "boolean" if feature.boolean else "categorical",
        "categories": list(feature.categories),
        "others": list(feature.others),
        "open": feature.open,
    }


def _read_feature(plain: dict[str, Any]) -> Feature:
    if plain["type"] == "numeric":
        return _numeric(plain)
    return CategoricalFeature(**_arguments(plain), boolean=plain["type"] == "boolean")


def _numeric(plain: dict[str, Any]) -> NumericFeature:
    return NumericFeature(**_arguments(plain))


def _arguments(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in plain.items() if name != "type"} | _read_wobbles(plain)


def _wobbles(**wobbles: Wobble) -> dict[str, Any]:
    """What is known of them; nothing is written where nothing is known."""
    return {name: wobble.to_plain() for name, wobble in wobbles.items() if wobble.blocks}


def _read_wobbles(plain: dict[str, Any]) -> dict[str, Wobble]:
    return {name: Wobble.from_plain(value) for name, value in plain.items() if name.endswith("wobble")}


def _joint(joint: JointReference) -> dict[str, Any]:
    arrays = {name: getattr(joint, name).tolist() for name in ("means", "scales", "components")}
    return arrays | {"names": list(joint.names), "error": _feature(joint.error)}


def _read_joint(plain: dict[str, Any]) -> JointReference:
    return JointReference(**plain | {"error": _numeric(plain["error"])})
