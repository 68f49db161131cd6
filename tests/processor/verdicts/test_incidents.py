"""The life of an incident, told with verdicts made by hand."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegauge_processor.verdicts.incidents import IncidentLog
from tidegauge_processor.verdicts.ranking import benjamini_hochberg, corrected_p
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Stream, TestResult, Verdict, Window

AGE, COUNTRY, SCORE = Stream("feature", "age"), Stream("feature", "country"), Stream("score", "")
POLICY = Policy(quiet_windows=3)
OK, CHANGED, MATERIAL, SILENT = State.OK, State.CHANGED, State.MATERIAL, State.INSUFFICIENT_DATA


def window(hour):
    return Window(hour, hour + 1, {}, np.array([True]))


def says(hour, stream, state, p=None, scale=1, lower=0.0):
    p_value = {OK: 0.5, CHANGED: 1e-8, MATERIAL: 1e-12, SILENT: 1.0}[state] if p is None else p
    tests = () if state is SILENT else (TestResult("g_test", 60.0, p_value),)
    effects = {"ks_distance": lower + 0.1}
    return Verdict(stream, scale, hour + 1 - scale, hour + 1, 500, state, tests, 1e-6, effects, lower)


def told(log, hours, policy=POLICY, start=0):
    """The changes of a story: one list of verdicts an hour."""
    changes = []
    for hour, verdicts in enumerate(hours, start):
        changes += [(hour, change) for change in log.update([says(hour, *v) for v in verdicts], window(hour), policy)]
    return [(hour, change.kind, change.state.value) for hour, change in changes], [change for _, change in changes]


def test_quiet_hours_say_nothing():
    assert told(IncidentLog(), [[(AGE, OK)], [(AGE, SILENT)], [(AGE, OK)]]) == ([], [])


def test_one_incident_for_one_cause():
    hours = [
        [(AGE, OK), (COUNTRY, OK)],
        [(AGE, CHANGED), (COUNTRY, OK)],
        [(AGE, CHANGED), (COUNTRY, OK)],
        [(AGE, CHANGED), (COUNTRY, CHANGED)],
        [(AGE, MATERIAL), (COUNTRY, CHANGED)],
        [(AGE, MATERIAL), (COUNTRY, MATERIAL)],
        *[[(AGE, OK), (COUNTRY, OK)]] * 4,
    ]
    story, changes = told(IncidentLog(), hours)
    assert story == [
        (1, "opened", "changed"),
        (3, "grew", "changed"),
        (4, "grew", "material"),
        (8, "closed", "material"),
    ]
    assert {(change.id, change.since) for change in changes} == {("0000000000000001", 1)}
    assert [(change.start, change.end) for change in changes] == [(1, 2), (3, 4), (4, 5), (8, 9)]


def test_streams_are_ranked_by_their_evidence():
    log = IncidentLog()
    verdicts = [says(5, AGE, CHANGED), says(5, SCORE, MATERIAL, None, 1, 0.2), says(5, COUNTRY, MATERIAL, None, 1, 0.3)]
    (change,) = log.update(verdicts, window(5), POLICY)
    assert change.streams == (COUNTRY, SCORE, AGE)
    assert change.sentences() == (
        "feature country: material, ks_distance 0.4 (at least 0.3), p 1e-12 over 1 window of 500 rows",
        "score: material, ks_distance 0.3 (at least 0.2), p 1e-12 over 1 window of 500 rows",
        "feature age: changed, ks_distance 0.1 (at least 0), p 1e-08 over 1 window of 500 rows",
    )


def test_inside_an_incident_weaker_evidence_is_listed_too_and_opens_nothing_itself():
    weaker = says(5, COUNTRY, OK, 1e-4)
    log = IncidentLog()
    assert log.update([weaker], window(4), POLICY) == []
    (change,) = log.update([says(5, AGE, CHANGED), weaker, says(5, SCORE, OK, 0.4)], window(5), POLICY)
    assert change.streams == (AGE, COUNTRY)
    assert change.sentences()[1].startswith("feature country: moved with the others, ")


def test_it_began_where_the_evidence_is_clearest():
    hour = 9
    verdicts = [says(hour, AGE, CHANGED, 1e-7, 3), says(hour, AGE, CHANGED, 1e-9, 6), says(hour, AGE, OK, 1e-3, 1)]
    (change,) = IncidentLog().update(verdicts, window(hour), POLICY)
    assert change.since == 4


def test_it_is_dated_when_it_opens_and_when_another_stream_leads():
    asked = []

    def dated(alarm, earliest):
        asked.append((alarm.stream, earliest))
        return alarm.end - 3

    def hour(number, *found):
        return log.update([says(number, *verdict) for verdict in found], window(number), POLICY, dated)

    log = IncidentLog()
    (opened,) = hour(10, (AGE, CHANGED))
    (grown,) = hour(11, (AGE, CHANGED), (COUNTRY, CHANGED, 1e-7))  # COUNTRY is weaker
    log = IncidentLog.load(json.loads(json.dumps(log.dump())))
    (led,) = hour(12, (AGE, CHANGED), (SCORE, MATERIAL))
    assert [change.change_point for change in (opened, grown, led)] == [8, 8, 10]
    closed = [change for number in range(13, 16) for change in hour(number, (AGE, OK))]
    assert [(change.kind, change.change_point) for change in closed] == [("closed", 10)]
    hour(20, (AGE, CHANGED))
    assert asked == [(AGE, 0), (SCORE, 0), (AGE, 13)]  # never back into an incident that is closed


def test_hours_without_data_are_not_quiet_hours():
    hours = [[(AGE, CHANGED)], [(AGE, OK)], *[[(AGE, SILENT)]] * 10, [(AGE, OK)], [(AGE, SILENT)], [(AGE, OK)]]
    story, _ = told(IncidentLog(), hours)
    assert story == [(0, "opened", "changed"), (14, "closed", "changed")]


def test_a_loud_hour_inside_the_last_six_is_not_told_twice():
    """Scale 6 alarms as long as the hour is among the latest six; the hours themselves are quiet again."""
    log = IncidentLog()
    loud = [(AGE, CHANGED), (AGE, CHANGED, None, 6)]
    after = [(AGE, OK), (AGE, CHANGED, None, 6)]
    story, _ = told(log, [loud, *[after] * 5, *[[(AGE, OK), (AGE, OK, None, 6)]] * 3], start=10)
    assert story == [(10, "opened", "changed"), (13, "closed", "changed")]


def test_a_change_that_only_merged_hours_show_stays_open_while_it_lasts():
    log = IncidentLog()
    small = [(AGE, OK), (AGE, CHANGED, None, 6)]
    story, _ = told(log, [*[small] * 20, *[[(AGE, OK), (AGE, OK, None, 6)]] * 3], start=10)
    assert story == [(10, "opened", "changed"), (32, "closed", "changed")]


def test_what_coarser_scales_find_makes_it_material():
    """Alarms that do not keep an incident open still say how large the change is."""
    lucky = [(AGE, OK), (AGE, CHANGED, None, 6)]
    after = [(AGE, OK), (AGE, OK, None, 6), (AGE, MATERIAL, None, 24)]
    story, changes = told(IncidentLog(), [lucky, after, after], start=100)
    assert story == [(100, "opened", "changed"), (101, "grew", "material")]
    assert changes[-1].ranking[0].scale == 24
    assert changes[-1].ranking[0].state is MATERIAL


def test_a_scale_that_still_alarms_keeps_open_what_it_has_shown():
    small = [(AGE, OK), (AGE, CHANGED, None, 6)]
    story, _ = told(IncidentLog(), [small, *[[(AGE, OK), (AGE, OK, None, 6)]] * 2, *[small] * 9], start=10)
    assert story == [(10, "opened", "changed")]


def test_it_stays_open_while_windows_look_like_those_that_showed_it():
    asked = []

    def lasts(*times):
        asked.append(times)
        return len(asked) < 3

    def hour(number, *found):
        verdicts = [says(number, *verdict) for verdict in found]
        return [change.kind for change in log.update(verdicts, window(number), POLICY, lasts=lasts)]

    log = IncidentLog()
    assert hour(10, (AGE, CHANGED, None, 6), (AGE, CHANGED, 1e-9, 3)) == ["opened"]
    story = [hour(number, (AGE, OK), (AGE, OK, None, 3)) for number in range(11, 20)]
    assert story == [[]] * 8 + [["closed"]]
    assert asked == [(AGE, 8, 11, 11), (AGE, 8, 14, 14), (AGE, 8, 17, 17)]


def test_what_lies_in_an_incident_that_is_closed_adds_nothing_to_the_next():
    log = IncidentLog()
    hours = [[(AGE, MATERIAL)], *[[(AGE, OK)]] * 3, [(COUNTRY, MATERIAL), (AGE, CHANGED, None, 6)]]
    story, changes = told(log, hours, start=100)
    assert story == [(100, "opened", "material"), (103, "closed", "material"), (104, "opened", "material")]
    assert changes[-1].streams == (COUNTRY,)
    (grew,) = log.update([says(105, COUNTRY, OK), says(105, SCORE, CHANGED)], window(105), POLICY)
    assert grew.streams == (COUNTRY, SCORE)
    assert log.update([says(106, COUNTRY, OK), says(106, AGE, CHANGED, None, 48)], window(106), POLICY) == []


def test_the_next_incident_is_a_new_one():
    hours = [[(AGE, CHANGED)], *[[(AGE, OK)]] * 5, [(AGE, MATERIAL)]]
    story, changes = told(IncidentLog(), hours)
    assert story == [(0, "opened", "changed"), (3, "closed", "changed"), (6, "opened", "material")]
    assert [change.id for change in changes] == ["0000000000000000", "0000000000000000", "0000000000000006"]


STATES = st.sampled_from([OK, OK, CHANGED, MATERIAL, SILENT])
STORY = st.lists(st.tuples(STATES, STATES, STATES), max_size=25)


@settings(deadline=None, max_examples=100)
@given(story=STORY)
def test_a_restart_after_every_window_changes_nothing(story):
    steady, restarted = IncidentLog(), IncidentLog()
    for hour, (age, country, merged) in enumerate(story, 20):
        verdicts = [says(hour, AGE, age), says(hour, COUNTRY, country), says(hour, AGE, merged, None, 6, 0.05)]
        restarted = IncidentLog.load(json.loads(json.dumps(restarted.dump(), allow_nan=False)))
        found = [log.update(verdicts, window(hour), POLICY) for log in (restarted, steady)]
        assert repr(found[0]) == repr(found[1])  # NaN, which some fields are, is not equal to itself
        assert restarted.dump() == steady.dump()


@settings(deadline=None, max_examples=100)
@given(story=STORY)
def test_incidents_open_and_close_in_turn(story):
    kinds = [
        kind
        for _, kind, _ in told(IncidentLog(), [[(AGE, a), (COUNTRY, b), (SCORE, c)] for a, b, c in story], start=20)[0]
    ]
    told_in_turn = [kind for kind in kinds if kind != "grew"]
    assert told_in_turn == (["opened", "closed"] * len(kinds))[: len(told_in_turn)]
    assert kinds[:1] != ["grew"]


def test_benjamini_hochberg_is_that_of_scipy():
    from scipy import stats

    rng = np.random.default_rng(0)
    p = {Stream("feature", f"{i:03}"): float(value) for i, value in enumerate(rng.uniform(0, 1, 80) ** 3)}
    expected = {stream for stream, q in zip(p, stats.false_discovery_control([*p.values()]), strict=True) if q <= 0.05}
    found = benjamini_hochberg(p, 0.05)
    assert set(found) == expected
    assert len(found) > 3
    assert [p[stream] for stream in found] == sorted(p[stream] for stream in found)


def test_p_values_of_one_stream_are_corrected_for_its_tests():
    verdicts = [says(0, AGE, OK, 0.01), says(0, AGE, OK, 0.2, 3), says(0, AGE, SILENT, None, 6)]
    assert corrected_p(verdicts) == {AGE: pytest.approx(0.02)}
