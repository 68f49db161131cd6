"""`last_prediction` hands out a prediction of one's own or none."""

import asyncio
import contextlib
import contextvars
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sdk.test_unrecorded import suppressed
from tidegauge import last_prediction, monitor, prediction
from tidegauge.receipt import decode
from tidegauge.testing import capture


@monitor("m", version="1", task="regression")
def predict(row):
    return row["x"]


@monitor("m", version="1", task="regression")
async def predict_soon(row):
    await asyncio.sleep(0)
    return row["x"]


@monitor("m", version="1", task="regression")
def stream(rows):
    yield from (row["x"] for row in rows)


@pytest.fixture(autouse=True)
def captured():
    with capture() as seen:
        yield seen
    assert seen.failures == {}


def latest():
    """The value of the latest prediction; None without one."""
    made = last_prediction()
    return None if made is None else decode(made.receipt).value


async def in_a_thread(loop):
    return await asyncio.to_thread(predict, {"x": 2.0})


async def in_a_pool(loop):
    return await loop.run_in_executor(None, predict, {"x": 2.0})


async def in_several_threads(loop):
    await asyncio.gather(*(asyncio.to_thread(predict, {"x": float(x)}) for x in (2, 3)))


async def in_a_task(loop):
    await loop.create_task(predict_soon({"x": 2.0}))


async def in_several_tasks(loop):
    await asyncio.gather(predict_soon({"x": 2.0}), predict_soon({"x": 3.0}))


async def in_a_task_with_a_time_limit(loop):
    await asyncio.wait([loop.create_task(predict_soon({"x": 2.0}))], timeout=10)


async def nowhere(loop):
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "elsewhere",
    [
        in_a_thread,
        in_a_pool,
        in_several_threads,
        in_a_task,
        in_several_tasks,
        in_a_task_with_a_time_limit,
        nowhere,
    ],
    ids=lambda elsewhere: elsewhere.__name__,
)
def test_after_waiting_an_earlier_prediction_is_not_the_latest(elsewhere):
    async def main():
        predict({"x": 1.0})
        assert latest() == 1.0
        await elsewhere(asyncio.get_running_loop())
        between = latest()
        predict({"x": 4.0})
        return between, latest()

    assert asyncio.run(main()) == (None, 4.0)


def test_a_request_that_predicts_in_a_thread_takes_its_receipt_there():
    def score(row):
        return predict(row), last_prediction().receipt

    async def main():
        predict({"x": 0.5})
        return await asyncio.gather(*(asyncio.to_thread(score, {"x": float(x)}) for x in range(20)))

    assert [decode(receipt).value for _, receipt in asyncio.run(main())] == [float(x) for x in range(20)]


def test_a_task_that_awaits_its_own_prediction_gets_it_though_others_predict_meanwhile():
    async def one(x):
        predict({"x": -1.0})
        await predict_soon({"x": x})
        return latest()

    async def main():
        return await asyncio.gather(*(one(float(x)) for x in range(20)))

    assert asyncio.run(main()) == [float(x) for x in range(20)]


def test_a_task_does_not_inherit_a_prediction():
    async def child():
        return latest()

    async def main():
        predict({"x": 1.0})
        return await asyncio.gather(child(), asyncio.to_thread(latest)), await child()

    assert asyncio.run(main()) == ([None, None], None)


if sys.version_info >= (3, 12):

    def test_a_task_that_runs_at_once_is_told_from_its_maker():
        async def child():
            inherited = latest()
            predict({"x": 2.0})
            return inherited, latest()

        async def main():
            loop = asyncio.get_running_loop()
            loop.set_task_factory(asyncio.eager_task_factory)
            predict({"x": 1.0})
            return await loop.create_task(child()), latest()

        assert asyncio.run(main()) == ((None, 2.0), None)


def test_a_job_of_a_thread_does_not_get_the_prediction_of_the_job_before():
    with ThreadPoolExecutor(1) as pool:

        def run(function):
            return pool.submit(contextvars.copy_context().run, function).result()

        def score():
            predict({"x": 1.0})
            return latest()

        assert [run(score), run(latest)] == [1.0, None]


def test_a_thread_does_not_get_the_prediction_of_another_with_its_context():
    predict({"x": 1.0})
    found = []
    thread = threading.Thread(target=contextvars.copy_context().run, args=(lambda: found.append(latest()),))
    thread.start()
    thread.join()
    assert found == [None]
    assert latest() == 1.0


def test_a_prediction_in_another_context_of_the_thread_takes_the_place_of_the_one_before():
    predict({"x": 1.0})
    contextvars.copy_context().run(predict, {"x": 2.0})
    assert latest() is None
    predict({"x": 1.0})
    asyncio.run(predict_soon({"x": 2.0}))
    assert latest() is None


def test_loops_that_are_stopped_and_closed_do_not_confuse_the_next():
    async def step(x, wait):
        before = latest()
        predict({"x": x})
        after = latest()
        await asyncio.sleep(0 if wait else 0.001)
        return before, after, latest()

    for _ in range(2):
        loop = asyncio.new_event_loop()
        for x in (1.0, 2.0):
            assert loop.run_until_complete(step(x, wait=True)) == (None, x, None)

            async def leave(x=x):
                predict({"x": x})  # the loop stops before it gets control

            loop.run_until_complete(leave())
            assert latest() is None
        loop.close()
        assert asyncio.run(step(3.0, wait=False)) == (None, 3.0, None)


def test_a_call_has_no_prediction_before_it_ends():
    found = []

    @monitor("outer", version="1", task="regression")
    def outer(row):
        found.append(latest())
        predict({"x": 2.0})
        found.append(latest())
        return 3.0

    predict({"x": 1.0})
    outer({"x": 0.0})
    assert (found, latest()) == ([None, 2.0], 3.0)
    with prediction("block", version="1", task="regression") as p:
        assert latest() is None
        p.output(4.0)
    assert latest() == 4.0


def test_a_stream_has_no_prediction_before_it_ends():
    predict({"x": 1.0})
    steps = stream([{"x": 2.0}])
    assert next(steps) == 2.0
    assert latest() is None
    assert list(steps) == []
    assert latest() == 2.0


@pytest.mark.parametrize("recorded", [True, False])
def test_a_stream_that_is_broken_off_is_the_latest_unless_others_came_after_its_last_step(recorded):
    with contextlib.nullcontext() if recorded else suppressed():
        predict({"x": 1.0})
        for _ in stream([{"x": 2.0}]):
            break
        assert latest() == 2.0
        for _ in stream([{"x": 2.0}]):
            predict({"x": 4.0})
            break
        assert latest() == 4.0


def test_a_stream_that_ends_in_another_thread_is_nobodys_latest_there():
    found = []
    steps = stream([{"x": 2.0}])
    next(steps)

    def close():
        predict({"x": 1.0})
        steps.close()
        found.append(latest())

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    assert (found, latest()) == ([1.0], None)


def test_unrecorded_calls_keep_to_the_same_rules():
    @monitor("fails", version="1")
    def fail(row):
        predict({"x": 2.0})
        raise KeyError

    async def main():
        predict({"x": 1.0})
        await asyncio.to_thread(predict, {"x": 2.0})
        return latest()

    with suppressed():
        assert asyncio.run(main()) is None
        steps = stream([{"x": 3.0}])
        next(steps)
        predict({"x": 1.0})
        assert latest() == 1.0
        assert list(steps) == []
        assert latest() == 3.0
        with pytest.raises(KeyError):
            fail({"x": 1.0})
        assert decode(last_prediction().receipt).model == "fails"


if hasattr(os, "fork"):

    @pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
    def test_a_forked_child_does_not_get_the_prediction_of_its_parent():
        predict({"x": 1.0})
        child = os.fork()
        if child == 0:
            os._exit(0 if last_prediction() is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert latest() == 1.0
