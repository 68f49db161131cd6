"""What is decorated goes to other processes, and records there what it predicts."""

import asyncio
import contextlib
import copy
import functools
import inspect
import os
import pickle
import subprocess
import sys

import cloudpickle
import pytest
from joblib.externals.loky import get_reusable_executor

from tests.sdk import shipped
from tests.sdk.shipped import DETAILED, Doubling, DoublingSoon, Model, decorate
from tidegauge import CaptureError, Settings, last_prediction, monitor, prediction
from tidegauge.testing import capture

ROWS = [{"age": 30.0}, {"age": 40.0}]


def a_closure():
    factor = 2.0

    @monitor("m", version="1", task="regression", features=lambda row: row)
    def predict(row):
        return row["age"] * factor

    return predict


def a_closure_with_all_options():
    @monitor("credit", **DETAILED)
    def predict(row):
        return row["age"] * 2.0

    return predict


def a_method_of_a_local_class():
    class Local:
        @monitor("m", version="1", task="regression")
        def predict(self, row):
            return row["age"] * 2.0

    return Local().predict


NAMELESS = [a_closure, a_closure_with_all_options, a_method_of_a_local_class]
NAMED = {
    "function": lambda: shipped.double,
    "method": lambda: Model(2.0).decorated,
    "bound method": lambda: decorate(Model(2.0).predict),
    "bound method kept by its object": lambda: Model(2.0).watched,
    "object": lambda: decorate(Doubling()),
    "object with all options": lambda: monitor("credit", **DETAILED)(Doubling()),
    "partial": lambda: decorate(functools.partial(shipped.times, 2.0)),
}


@pytest.fixture(scope="module")
def worker():
    executor = get_reusable_executor(max_workers=1, timeout=300)
    yield executor
    executor.shutdown(wait=True, kill_workers=True)


@contextlib.contextmanager
def called(predict):
    """While ``predict`` is bound to a pipeline at work: locks, threads and all."""
    with capture():
        predict(ROWS[0])
        assert last_prediction() is not None
        yield


@pytest.mark.parametrize("make", [*NAMELESS, *NAMED.values()], ids=[*(f.__name__ for f in NAMELESS), *NAMED])
@pytest.mark.parametrize("when", [contextlib.nullcontext, called], ids=["before its first call", "after it"])
def test_a_worker_of_joblib_predicts_and_records(make, when, worker):
    predict = make()
    with when(predict):
        found, recorded, process = worker.submit(shipped.run, predict, ROWS).result(60)
    assert (found, recorded) == ([60.0, 80.0], 2)
    assert process != os.getpid()


@pytest.mark.parametrize("make", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize("when", [contextlib.nullcontext, called], ids=["before its first call", "after it"])
def test_what_pickle_takes_undecorated_it_takes_decorated(make, when, worker):
    predict = make()
    with when(predict):
        found, recorded, _ = worker.submit(shipped.load_and_run, pickle.dumps(predict), ROWS).result(60)
    assert (found, recorded) == ([60.0, 80.0], 2)
    assert shipped.run(copy.deepcopy(predict), ROWS)[:2] == ([60.0, 80.0], 2)


def test_what_its_module_has_by_name_is_pickled_by_name():
    assert pickle.loads(pickle.dumps(shipped.cached)) is shipped.cached
    assert pickle.loads(pickle.dumps(shipped.double)) is shipped.double


def test_every_kind_of_function_is_pickled():
    @decorate
    def steps(rows):
        yield from (row["age"] for row in rows)

    @decorate
    async def soon(row):
        return row["age"]

    @decorate
    async def steps_soon(rows):
        for row in rows:
            yield row["age"]

    async def main():
        again = [cloudpickle.loads(cloudpickle.dumps(each)) for each in (soon, steps_soon, decorate(DoublingSoon()))]
        return await again[0](ROWS[0]), [age async for age in again[1](ROWS)], await again[2](ROWS[0])

    with capture() as seen:
        assert list(cloudpickle.loads(cloudpickle.dumps(steps))(ROWS)) == [30.0, 40.0]
        assert asyncio.run(main()) == (30.0, [30.0, 40.0], 60.0)
        assert sum(p["value"] for p in seen.points if p["name"] == "ml.predictions") == 6


def test_no_key_is_pickled():
    predict = a_closure_with_all_options()
    with capture(Settings(receipt_key=b"a secret of this process")):
        predict(ROWS[0])
        assert b"a secret of" not in cloudpickle.dumps(predict)


def test_an_object_that_takes_the_place_of_another_looks_like_it():
    model = Model(2.0)
    watched = decorate(model.predict)
    assert inspect.signature(watched) == inspect.signature(model.predict)
    assert (watched.__name__, watched.__wrapped__, watched.served) == ("predict", model.predict, True)
    soon = decorate(DoublingSoon().__call__)
    assert inspect.iscoroutinefunction(soon.__call__)
    assert inspect.iscoroutinefunction(soon) or sys.version_info < (3, 12)


def test_an_object_in_a_class_binds_as_the_callable_does():
    class Holder:
        bound = decorate(Model(2.0).predict)
        method = decorate(functools.lru_cache(lambda self, age: age * self.factor))
        free = decorate(Doubling())
        factor = 3.0

    holder = Holder()
    with capture() as seen:
        assert [holder.bound(ROWS[0]), holder.free(ROWS[0]), Holder.free(ROWS[0])] == [60.0, 60.0, 60.0]
        assert (holder.method(30.0), Holder.method(holder, 30.0)) == (90.0, 90.0)
        assert seen.failures == {}


def test_a_prediction_stays_and_says_what_to_send_instead():
    with capture(), prediction("m", version="1") as p:
        p.output(1.5)
        with pytest.raises(TypeError, match="hand on its receipt"):
            pickle.dumps(p)


def test_what_went_wrong_is_told_across_processes():
    error = pickle.loads(pickle.dumps(CaptureError("no class: say by output= where it is")))
    assert (type(error), str(error)) == (CaptureError, "no class: say by output= where it is")


SCRIPT = """
import joblib
import tidegauge
from tidegauge.testing import _Events, _Metrics, _points

tidegauge.configure(tidegauge.Settings(), metric_exporter=_Metrics(), log_exporter=_Events())

@tidegauge.monitor("m", version="1", task="regression", explain=lambda row: {"age": 1.0}, explain_rate=1.0)
def predict(row):
    return row["age"] * 2.0

def job(rows):
    metrics = _Metrics()
    tidegauge.configure(tidegauge.Settings(), metric_exporter=metrics, log_exporter=_Events())
    found = [predict(row) for row in rows]
    assert tidegauge.flush(60)
    points = [point for data in metrics.received for point in _points(data) if point["name"] == "ml.predictions"]
    return found, sum(point["value"] for point in points), tidegauge.last_prediction().receipt

if __name__ == "__main__":
    predict({"age": 1.0})
    parallel = joblib.Parallel(n_jobs=2)
    print(parallel(joblib.delayed(predict)({"age": age}) for age in (1.0, 2.0, 3.0)))
    jobs = parallel(joblib.delayed(job)([{"age": float(age)} for age in range(rows)]) for rows in (3, 4, 5))
    print([rows for _, rows, _ in jobs])
    for _, _, receipt in jobs:
        tidegauge.record_outcome(receipt, actual=2.0)
"""


def test_a_script_that_is_configured_and_has_predicted_goes_on_in_joblib(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert ended.stdout.splitlines() == ["[2.0, 4.0, 6.0]", "[3, 4, 5]"], ended.stderr
