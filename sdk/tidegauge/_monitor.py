"""`monitor` and `prediction`: a model's calls become telemetry.

Everything that can be decided is decided at decoration: which argument holds the features, what the baseline knows,
which kind of function it is. A mistake is an error there, with one clear line. A call then makes a `Prediction`, copies
the input, runs the function and hands the prediction on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from os import PathLike
from typing import Any, Final, TypeVar, cast

from tidegauge._calls import Calls, active_pipeline
from tidegauge._explain import Explain, explain_option
from tidegauge._model import ModelSpec
from tidegauge._options import Options, names_of
from tidegauge._prediction import Prediction
from tidegauge._process import PROCESS
from tidegauge._settings import CAPTURE_MODES, CaptureMode
from tidegauge.baseline import TASKS, Baseline
from tidegauge.errors import ConfigurationError

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MOST_KEPT: Final = 32  # baselines read from files: `prediction` names its own at every call


def monitor(
    name: str,
    *,
    version: str,
    baseline: Baseline | str | PathLike[str] | None = None,
    task: str | None = None,
    features: str | Callable[..., Any] | None = None,
    names: Iterable[str] | None = None,
    output: str | Callable[[Any], Any] | None = None,
    segments: Iterable[str] | str = (),
    prediction_id: str | Callable[..., Any] | None = None,
    capture: CaptureMode | None = None,
    details: bool | None = None,
    allow: Iterable[str] | None = None,
    deny: Iterable[str] | None = None,
    hash: Iterable[str] | None = None,
    threshold: float | None = None,
    model_id: str | None = None,
    framework: str | None = None,
    explain: Callable[[Any], Any] | None = None,
    explain_rate: float | None = None,
) -> Callable[[_Function], _Function]:
    """Watch a function that predicts: plain, ``async``, generator, async generator, method or callable.

    Args:
        name: name of the model.
        version: version of the model.
        baseline: what the model's rows looked like when it was known to work, or the path of its file.
        task: ``"binary"``, ``"multiclass"``, ``"regression"``, ``"ranking"`` or ``"anomaly"``, of which a greater score
            is a stranger row (scikit-learn's ``score_samples`` has the opposite sign); the baseline's when left out.
        features: argument that holds the features, as a name, a path (``"request.row"``) or a callable that takes the
            call's arguments; found by itself when left out.
        names: names of the columns of plain arrays; the baseline's when left out.
        output: path into what is returned, or a callable that takes it and returns the prediction.
        segments: columns whose values are slices: low-cardinality, such as a region. Each is measured by itself, and
            slices of a binary task are compared with each other.
        prediction_id: column or argument with the caller's own key, or a callable that takes the call's arguments.
        capture: what spans may carry: ``"summary"``, ``"values"`` or ``"none"``.
        details: send each row as an event ``ml.prediction.details`` with its features and what came out, whatever the
            sampling; the setting ``prediction_details`` when left out. ``allow=``, ``deny=`` and ``hash=`` hold for it.
        allow: the only features whose values spans and events may carry.
        deny: features that leave in no form.
        hash: features of which only a digest leaves.
        threshold: score from which on a row is of the positive class.
        model_id: the model's identifier in a registry; on spans.
        framework: the package that computes predictions, as it is installed, such as ``"scikit-learn"``; on spans, with
            its version.
        explain: takes the features of a call (one row as a dictionary, a batch as it was given) and gives what each
            added to the prediction: by name, or an array in the order of the features, for each row. Runs in a thread
            of its own and never in the call; a failure is counted and logged once.
        explain_rate: share of the calls that are explained; 0.01 when left out.

    Raises:
        ConfigurationError: an option is wrong.
        BaselineError: the baseline cannot be read.

    Example:
        >>> from tidegauge.testing import capture
        >>> @monitor("credit-risk", version="7", task="binary")
        ... def predict(application):
        ...     return 0.8
        >>> with capture() as seen:
        ...     score = predict({"age": 41, "income": 5.2})
        >>> seen.spans[0]["name"], seen.spans[0]["attributes"]["ml.prediction.class"]
        ('predict credit-risk', '1')
    """
    spec = _spec(name, version, baseline, task, threshold, model_id, framework)
    options = _options(
        names, segments, prediction_id, capture, details, allow, deny, hash, explain_option(explain, explain_rate)
    )
    if not (output is None or isinstance(output, str) or callable(output)):
        raise ConfigurationError(f"output= is a path or a callable, not {output!r}")

    def decorate(function: _Function) -> _Function:
        if isinstance(function, staticmethod | classmethod):
            return cast("_Function", type(function)(decorate(function.__func__)))
        if not callable(function):
            raise ConfigurationError(f"monitor decorates a function or another callable, not {function!r}")
        PROCESS.prepare()
        return cast("_Function", Calls(function, spec, options, features, output, prediction_id).wrapper())

    return decorate


def prediction(
    name: str,
    *,
    version: str,
    baseline: Baseline | str | PathLike[str] | None = None,
    task: str | None = None,
    names: Iterable[str] | None = None,
    segments: Iterable[str] | str = (),
    prediction_id: str | None = None,
    capture: CaptureMode | None = None,
    details: bool | None = None,
    allow: Iterable[str] | None = None,
    deny: Iterable[str] | None = None,
    hash: Iterable[str] | None = None,
    threshold: float | None = None,
    model_id: str | None = None,
    framework: str | None = None,
    explain: Callable[[Any], Any] | None = None,
    explain_rate: float | None = None,
) -> Prediction:
    """Watch a block of code that predicts; the options mean what they mean for `monitor`.

    Raises:
        ConfigurationError: an option is wrong.
        BaselineError: the baseline cannot be read.

    Example:
        >>> from tidegauge.testing import capture
        >>> with capture() as seen, prediction("credit-risk", version="7", task="binary") as p:
        ...     p.features({"age": 41})
        ...     p.output(0.8)
        >>> [point["value"] for point in seen.points if point["name"] == "ml.predictions"]
        [1]
    """
    spec = _spec(name, version, baseline, task, threshold, model_id, framework)
    options = _options(
        names, segments, prediction_id, capture, details, allow, deny, hash, explain_option(explain, explain_rate)
    )
    PROCESS.prepare()
    pipeline = active_pipeline() or PROCESS.idle()
    return Prediction(pipeline, pipeline.model(spec), options.completed(pipeline.settings))


def _spec(
    name: str,
    version: str,
    baseline: Any,
    task: str | None,
    threshold: float | None,
    model_id: str | None,
    framework: str | None,
) -> ModelSpec:
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"the model's name is a text that is not empty, not {name!r}")
    if not isinstance(version, str) or not version:
        raise ConfigurationError(f"version= is a text that is not empty, not {version!r}")
    if task is not None and task not in TASKS:
        raise ConfigurationError(f"unknown task {task!r}: it must be one of {', '.join(TASKS)}")
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int | float)):
        raise ConfigurationError(f"threshold= is a number, not {threshold!r}")
    if baseline is not None and not isinstance(baseline, Baseline):
        if not isinstance(baseline, str | PathLike):
            raise ConfigurationError(f"baseline= is a path or a Baseline, not {type(baseline).__name__}")
        baseline = _loaded(os.path.abspath(baseline))
    if baseline is not None and baseline.model != name:
        raise ConfigurationError(f"the baseline was made for model {baseline.model!r}, and this is {name!r}")
    if baseline is not None and task is not None and task != baseline.task:
        raise ConfigurationError(f"task={task!r}, but the baseline of {name!r} was made for {baseline.task!r}")
    if model_id is not None and (not isinstance(model_id, str) or not model_id):
        raise ConfigurationError(f"model_id= is a text that is not empty, not {model_id!r}")
    return ModelSpec(
        name, version, baseline, task, None if threshold is None else float(threshold), model_id, _framework(framework)
    )


def _framework(name: str | None) -> tuple[str, str] | None:
    """A package and its version."""
    if name is None:
        return None
    try:
        return name, package_version(name)
    except (PackageNotFoundError, ValueError, TypeError):
        raise ConfigurationError(f"framework={name!r} is not installed: name the package as pip lists it") from None


def _loaded(path: str) -> Baseline:
    try:
        state = os.stat(path)
    except OSError:
        return Baseline.load(path)  # says what is wrong
    return _kept(path, state.st_mtime_ns, state.st_size)


@lru_cache(_MOST_KEPT)
def _kept(path: str, changed: int, size: int) -> Baseline:
    return Baseline.load(path)


def _options(
    names: Iterable[str] | None,
    segments: Iterable[str] | str,
    prediction_id: str | Callable[..., Any] | None,
    capture: CaptureMode | None,
    details: bool | None,
    allow: Iterable[str] | None,
    deny: Iterable[str] | None,
    hash: Iterable[str] | None,
    explain: Explain | None,
) -> Options:
    if capture is not None and capture not in CAPTURE_MODES:
        raise ConfigurationError(f"capture={capture!r}: it must be one of {', '.join(CAPTURE_MODES)}")
    if not (details is None or isinstance(details, bool)):
        raise ConfigurationError(f"details= is True or False, not {details!r}")
    if not (prediction_id is None or isinstance(prediction_id, str) or callable(prediction_id)):
        raise ConfigurationError(f"prediction_id= is a name or a callable, not {prediction_id!r}")
    if isinstance(names, str):
        raise ConfigurationError(f"names= is a list of names, not the text {names!r}")
    return Options(
        names=None if names is None else names_of("names", names),
        segments=names_of("segments", segments),
        id_column=prediction_id if isinstance(prediction_id, str) else None,
        capture=capture,
        details=details,
        allow=None if allow is None else frozenset(names_of("allow", allow)),
        deny=frozenset(names_of("deny", deny or ())),
        hash=frozenset(names_of("hash", hash or ())),
        explain=explain,
    )
