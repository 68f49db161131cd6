"""Labels that say that the model has become worse open an incident, which grows and closes as one of drift does."""

from collections.abc import Sequence

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

from tests.processor.models import baseline, hour
from tests.processor.requests import HOUR
from tests.processor.test_evaluating import KEY, cohort
from tidegauge import semconv
from tidegauge_processor.evaluating import evaluate_cohort
from tidegauge_processor.otlp import encode
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.signals import IncidentSignal, Signal
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy

DAY = 24 * HOUR


class Days:
    """Cohorts of a day each, judged with a memory that goes through its bytes each time."""

    def __init__(self, quiet: int = 3) -> None:
        self.memory = Memory()
        self.policy = Policy(quiet_windows=quiet)

    def judge(self, day: int, found: Cohort) -> list[Signal]:
        start = hour(24 * day)
        of = found.table(), start, start + DAY, baseline(), self.memory, self.policy
        said = evaluate_cohort(KEY, *of).signals
        self.memory = Memory.load(self.memory.dump())
        return said

    def incidents(self, day: int, found: Cohort) -> list[IncidentSignal]:
        return [each for each in self.judge(day, found) if isinstance(each, IncidentSignal)]


def changes(said: Sequence[IncidentSignal]) -> list[tuple[str, State]]:
    return [(each.change, each.state) for each in said]


def test_it_opens_at_the_first_alarm_and_closes_after_the_quiet_cohorts() -> None:
    days = Days()
    assert days.incidents(0, cohort(2_000, 30)) == []
    (opened,) = days.incidents(1, cohort(2_000, 31, noise=0.4))
    assert (opened.change, opened.state, opened.cause, opened.since) == ("opened", State.MATERIAL, "labels", hour(24))
    assert opened.streams[0].startswith("performance mistakes: material, l_infinity 0.")
    assert "over 1 window of 2000 rows" in opened.streams[0]
    assert days.memory.opened == 1
    quiet = [changes(days.incidents(day, cohort(2_000, 30 + day))) for day in range(2, 6)]
    assert [said for said in quiet if said] == [[("closed", State.MATERIAL)]]
    assert quiet.index([("closed", State.MATERIAL)]) == 2
    assert days.memory.opened == 1


def test_a_cohort_that_is_judged_again_is_no_further_quiet_one() -> None:
    days = Days()
    assert changes(days.incidents(0, cohort(2_000, 31, noise=0.4))) == [("opened", State.MATERIAL)]
    assert [days.incidents(1, cohort(2_000, 32)) for _ in range(10)] == [[]] * 10
    assert days.incidents(2, cohort(2_000, 33)) == []
    assert changes(days.incidents(3, cohort(2_000, 34))) == [("closed", State.MATERIAL)]


def test_labels_that_come_later_can_open_one_and_too_few_labels_are_not_quiet() -> None:
    days = Days(quiet=1)
    assert days.incidents(0, cohort(2_000, 30)) == []
    assert days.incidents(1, cohort(10, 31, noise=1.0)) == []
    assert days.incidents(2, cohort(2_000, 32)) == []
    (opened,) = days.incidents(1, cohort(2_000, 31, noise=0.4))
    assert (opened.change, opened.subject.start, opened.since) == ("opened", hour(24), hour(24))


def test_unequal_groups_open_none() -> None:
    assert Days().incidents(0, cohort(2_000, 8, unfair=0.2)) == []


def test_the_event_is_that_of_evaluations_and_pages() -> None:
    (opened,) = Days().incidents(0, cohort(2_000, 31, noise=0.4))
    request = ExportLogsServiceRequest.FromString(encode.events(encode.resource({}), [opened], None))
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    attributes = {each.key: each.value for each in record.attributes}
    assert record.event_name == semconv.EVENT_EVALUATION_STATE
    assert record.severity_number == SeverityNumber.SEVERITY_NUMBER_WARN
    assert record.body.string_value == "credit-risk 7: incident of labels opened"
    assert attributes[semconv.EVALUATION_STATE].string_value == "material"
    assert attributes[semconv.INCIDENT_ID].string_value == f"{hour(0):016x}-labels"
    assert attributes[semconv.INCIDENT_CHANGE].string_value == "opened"
    assert semconv.DRIFT_STATE not in attributes
