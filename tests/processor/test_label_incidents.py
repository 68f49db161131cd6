"""Labels that show a worse model or unequal groups open an incident, which grows and closes as one of drift does."""

from collections.abc import Sequence

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from tests.processor.models import baseline, hour
from tests.processor.requests import HOUR
from tests.processor.test_evaluating import KEY, cohort
from tidegauge import semconv
from tidegauge_processor.evaluating import subject_of
from tidegauge_processor.label_incidents import judge_labels, judge_selection
from tidegauge_processor.otlp import attributes, encode_events
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.signals import IncidentSignal
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.verdicts.incidents import IncidentLog
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy

DAY = 24 * HOUR


class Days:
    """Cohorts of a day each, judged with a memory that goes through its bytes each time."""

    def __init__(self, quiet: int = 3) -> None:
        self.memory = Memory()
        self.policy = Policy(quiet_windows=quiet)

    def judge(self, day: int, found: Cohort, *, sure: bool = True) -> list[IncidentSignal]:
        start = hour(24 * day)
        subject = subject_of(KEY, baseline(), start, start + DAY)
        shown = judge_labels(subject, found.table(), baseline(), self.memory, self.policy, sure=sure)
        self.memory = Memory.load(self.memory.dump())
        return [each.signal(subject) for each in shown]


def changes(said: Sequence[IncidentSignal]) -> list[tuple[str, State]]:
    return [(each.change, each.state) for each in said]


def paged(opened: IncidentSignal) -> tuple[LogRecord, dict[str, AnyValue]]:
    """The event of an incident that pages, and its attributes."""
    request = ExportLogsServiceRequest.FromString(encode_events.events(attributes.resource({}), [opened], None))
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    said = {each.key: each.value for each in record.attributes}
    assert record.event_name == semconv.EVENT_EVALUATION_STATE
    assert record.severity_number == SeverityNumber.SEVERITY_NUMBER_WARN
    return record, said


def test_it_opens_at_the_first_alarm_and_closes_after_the_quiet_cohorts() -> None:
    days = Days()
    assert days.judge(0, cohort(2_000, 30)) == []
    (opened,) = days.judge(1, cohort(2_000, 31, noise=0.4))
    assert (opened.change, opened.state, opened.cause, opened.since) == ("opened", State.MATERIAL, "labels", hour(24))
    assert opened.streams[0].startswith("performance mistakes: material, l_infinity 0.")
    assert "over 1 window of 2000 rows" in opened.streams[0]
    assert days.memory.opened == 1
    quiet = [changes(days.judge(day, cohort(2_000, 30 + day))) for day in range(2, 6)]
    assert [said for said in quiet if said] == [[("closed", State.MATERIAL)]]
    assert quiet.index([("closed", State.MATERIAL)]) == 2
    assert days.memory.opened == 1


def test_what_labels_show_that_may_not_be_in_does_not_page_nor_does_what_is_merged_with_them() -> None:
    days = Days(quiet=30)
    said = [changes(days.judge(day, cohort(2_000, 30 + day, noise=0.4, unfair=0.5), sure=False)) for day in range(3)]
    assert [kind for kind, _ in said[0]] == ["opened", "opened"]  # of the model and of its groups
    assert {state for each in said for _, state in each} == {State.CHANGED}
    days.memory.label_incidents = IncidentLog()
    (merged,) = days.judge(3, cohort(2_000, 33))  # of itself it shows nothing
    assert (merged.change, merged.state) == ("opened", State.CHANGED)
    assert "over 7 windows of 8000 rows" in merged.streams[0]
    (worse, *_) = days.judge(4, cohort(2_000, 34, noise=0.4))
    assert (worse.change, worse.state) == ("grew", State.MATERIAL)


def test_an_older_cohort_whose_labels_come_later_can_open_one_and_too_few_labels_are_not_quiet() -> None:
    days = Days(quiet=1)
    assert days.judge(0, cohort(2_000, 30)) == []
    assert days.judge(2, cohort(2_000, 32)) == []
    (opened,) = days.judge(1, cohort(2_000, 31, noise=0.4))
    assert (opened.change, opened.subject.start, opened.since) == ("opened", hour(24), hour(24))
    assert days.judge(3, cohort(3, 33)) == []
    assert changes(days.judge(4, cohort(2_000, 34))) == [("closed", State.MATERIAL)]


def test_a_lasting_gap_between_groups_is_one_incident_that_names_them() -> None:
    days, said = Days(quiet=14), []
    for day in range(40):
        said += days.judge(day, cohort(300, 100 + day, unfair=0.3))  # so small that some days show it and some do not
    opened, *grown = said
    assert (opened.change, opened.cause) == ("opened", "fairness")
    assert {each.change for each in grown} == {"grew"}
    assert len(grown) <= 5  # a group or rate that was not in it before, and the first that is material
    assert {each.id for each in said} == {f"{opened.id.partition('-')[0]}-fairness"}
    assert {sentence.partition(":")[0] for sentence in said[-1].streams} >= {
        "fairness region=south selection_rate",
        "fairness region=north selection_rate",
    }
    fair = [each for day in range(40, 90) for each in days.judge(day, cohort(300, 100 + day))]
    assert [each.change for each in fair] == ["closed"]


def test_unequal_groups_do_not_hide_that_the_model_becomes_wrong() -> None:
    days = Days()
    assert [each.cause for each in days.judge(0, cohort(2_000, 8, unfair=0.3))] == ["fairness"]
    (opened,) = days.judge(1, cohort(2_000, 9, unfair=0.3, noise=0.4))
    assert (opened.change, opened.cause, opened.streams[0].partition(":")[0]) == (
        "opened",
        "labels",
        "performance mistakes",
    )


def test_an_incident_of_both_kinds_of_rates_closes_after_as_many_quiet_cohorts_as_one_of_either() -> None:
    """Selection rates are tested when a cohort ends, errors when its labels are in, and both look at each cohort."""
    days, said = Days(quiet=3), []
    for day in range(6):
        groups = {"region": {"north": (700, 300), "south": (500, 500) if day == 1 else (700, 300)}}
        subject = subject_of(KEY, baseline(), hour(24 * day), hour(24 * day) + DAY)
        shown = [each.signal(subject) for each in judge_selection(subject, groups, days.memory, days.policy)]
        shown += days.judge(day, cohort(2_000, 40 + day, unfair=0.5 * (day == 1)))
        said.append([(each.change, each.streams[0].split(":")[0]) for each in shown if each.cause == "fairness"])
    assert [[change for change, _ in each] for each in said] == [[], ["opened", "grew"], [], [], ["closed"], []]
    assert said[1][0] == ("opened", "fairness region=north selection_rate")


def test_the_event_of_groups_says_which_and_pages() -> None:
    (opened,) = Days().judge(0, cohort(2_000, 8, unfair=0.5))
    record, attributes = paged(opened)
    assert record.body.string_value == "credit-risk 7: incident of fairness opened"
    streams = [each.string_value for each in attributes[semconv.INCIDENT_STREAMS].array_value.values]
    assert streams[0].startswith("fairness region=")
    assert attributes[semconv.INCIDENT_ID].string_value == f"{hour(0):016x}-fairness"


def test_the_event_is_that_of_evaluations_and_pages() -> None:
    (opened,) = Days().judge(0, cohort(2_000, 31, noise=0.4))
    record, attributes = paged(opened)
    assert record.body.string_value == "credit-risk 7: incident of labels opened"
    assert attributes[semconv.EVALUATION_STATE].string_value == "material"
    assert attributes[semconv.INCIDENT_ID].string_value == f"{hour(0):016x}-labels"
    assert attributes[semconv.INCIDENT_CHANGE].string_value == "opened"
    assert semconv.DRIFT_STATE not in attributes
