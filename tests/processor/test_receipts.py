"""Receipts as the outside world hands them in: tampered, foreign, truncated, again and again, out of order."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

import tidegauge
from tests.processor.requests import Writer
from tests.processor.test_engine import Bench
from tidegauge import ReceiptError, Settings, semconv
from tidegauge.testing import capture
from tidegauge_processor.otlp.kinds import SignalKind

SETTINGS = Settings(receipt_key=b"a key of this house")


def receipts(settings: Settings) -> list[str]:
    with capture(settings), tidegauge.prediction("credit-risk", version="7", task="binary") as p:
        p.output([0.75, 0.25, 0.75, 0.25])
    return p.receipts


OURS, FOREIGN = receipts(SETTINGS), receipts(Settings(receipt_key=b"a key of another house"))
good = st.sampled_from(OURS)
bad = st.one_of(
    st.sampled_from(FOREIGN),
    st.builds(lambda text, cut: text[:-cut], good, st.integers(1, 40)),
    st.builds(lambda text, at, by: text[:at] + by + text[at + 1 :], good, st.integers(4, 60), st.sampled_from("!*~")),
    st.text(max_size=30),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(good, bad), max_size=12), st.data())
def test_they_are_refused_or_counted_once(handed_in: Sequence[str], data: st.DataObject) -> None:
    with capture(SETTINGS) as seen:
        refused = 0
        for receipt in handed_in:
            try:
                tidegauge.record_outcome(receipt, actual=1)
            except ReceiptError:
                refused += 1
        assert refused == sum(receipt not in OURS for receipt in handed_in)
        writer = Writer()
        records = [
            writer.event(event["name"], 1, **event["attributes"])
            for event in seen.events
            if event["name"] == semconv.EVENT_FEEDBACK
        ]
    bench = Bench()
    for place in data.draw(st.permutations(range(len(records)))):
        bench.take(writer.logs(records[place]), kind=SignalKind.LOGS)
    distinct = {receipt for receipt in handed_in if receipt in OURS}
    assert bench.count(semconv.METRIC_PROCESSOR_ACCEPTED) == len(distinct)
    assert bench.count(semconv.METRIC_PROCESSOR_DUPLICATE) == len(handed_in) - refused - len(distinct)
