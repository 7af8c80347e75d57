"""The audit tells which labels people would change, whatever the queue asks meanwhile."""

from dataclasses import replace

import numpy as np
import pytest
from audited_queue import played
from relabel.errors import NotReadyError
from relabel.numerics.audit import turns
from relabel.numerics.estimates.noise_rate import audited_noise_rate
from relabel.service.audit.turns import LEAST_AUDIT, audit_rows, audited, awaited
from relabel.service.insight.audit import Audit, not_known, read_audit
from relabel.service.votes.settlements import Settlements
from scipy.stats import binom

SEEDS = range(60)


def audit_of(seed, **options):
    return read_audit(played(seed, **options)[1])


def made(
    wrong,
    *,
    doubts=None,
    rest=None,
    tasks=1000,
    settled=None,
    alone=None,
    classes=3,
    people=2,
    lonely=0,
    **pairs,
):
    """Return an audit of tasks of which these labels are wrong; all old labels say class 0."""
    wrong = np.asarray(wrong, dtype=np.int64)
    doubts = np.zeros(len(wrong)) if doubts is None else doubts
    return Audit(
        classes=classes,
        given=np.zeros(len(wrong), dtype=np.int64),
        said=wrong,
        settled=Settlements(
            wrong if settled is None else np.asarray(settled),
            np.zeros(len(wrong), dtype=bool) if alone is None else np.asarray(alone),
        ),
        doubts=doubts,
        rest=np.zeros(len(wrong)) if rest is None else np.full(len(wrong), rest),
        tasks=tasks,
        pairs=pairs.get("pairs", 0),
        differing=pairs.get("differing", 0),
        people=people,
        due=len(wrong),
        lonely=lonely,
    )


@pytest.mark.slow
@pytest.mark.parametrize("skill", [0.0, 0.5])
@pytest.mark.parametrize("votes", [150, 500])
def test_over_many_projects_the_estimate_is_right_on_average(skill, votes):
    """Early, and when the queue has long found most wrong labels."""
    found = [audit_of(seed, skill=skill, votes=votes) for seed in SEEDS]
    assert np.mean([a.finished for a in found]) > 12
    shares = [(a.said != a.given).mean() for a in found if a.finished]
    assert np.mean(shares) == pytest.approx(0.2, abs=0.035)
    assert np.mean([a.initial().value for a in found if a.finished]) == pytest.approx(
        0.2, abs=0.035
    )


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.05, 0.2, 0.4])
def test_the_interval_holds_about_as_often_as_it_says(rate):
    """Of intervals that hold .95 of the time, fewer than this hold once in a thousand tries."""
    found = [audit_of(seed, rate=rate, votes=400, share=0.1).initial() for seed in SEEDS]
    held = sum(e.low <= rate <= e.high for e in found)
    assert held >= binom.ppf(0.001, len(SEEDS), found[0].level)


@pytest.mark.slow
def test_an_old_label_is_no_voice_in_the_figure():
    """On half of the wrong ones a person says what the old label says; two of three do not."""
    options = {"rate": 0.3, "error_on_wrong": 0.3, "votes": 600, "share": 0.2}
    found = [audit_of(seed, **options) for seed in SEEDS]
    people = (
        0.3 * (0.7**2 + 2 * 0.3 * 0.7**2) / (0.7**2 + 2 * 0.3 * 0.7**2 + 0.3**2 * (1 + 2 * 0.7))
    )
    assert np.mean([a.initial().value for a in found]) == pytest.approx(people, abs=0.025)
    with_old_voice = np.mean([(a.settled.labels != a.given).mean() for a in found])
    assert with_old_voice < people - 0.02, "as it was measured before"


def test_the_audited_tasks_are_the_start_of_the_order_and_have_their_share_of_the_votes():
    _, state = played(1, votes=600, share=0.1)
    order = audit_rows(state)
    done = audited(state)
    assert done.tolist() == order[: len(done)].tolist()
    waiting = awaited(state)
    asked = int(state.new[np.concatenate([done, waiting])].sum())
    spent = state.spent
    assert 0.08 * spent <= asked <= 0.15 * spent
    assert len(done) + len(waiting) == turns(spent, 0.1)


def width(estimate):
    return estimate.high - estimate.low


def test_a_model_that_knows_something_narrows_the_interval():
    wrong = np.arange(80) % 5 == 0
    blind = made(wrong, doubts=np.random.default_rng(0).random(80), rest=0.5).initial()
    seeing = made(wrong, doubts=0.2 + 0.6 * wrong, rest=0.32).initial()
    assert width(seeing) < 0.7 * width(blind)


def test_the_audit_alone_stands_beside_whatever_the_model_says():
    wrong = np.arange(80) % 5 == 0
    for doubts in (np.zeros(80), 0.2 + 0.6 * wrong):
        assert made(wrong, doubts=doubts, rest=0.4).alone() == audited_noise_rate(wrong)


@pytest.mark.parametrize("known", [False, True])
def test_what_the_share_comes_from_is_said_as_it_is(known):
    """The model's doubt is named where it has a say."""
    wrong = np.arange(40) % 5 == 0
    audit = made(wrong, doubts=0.6 * wrong * known, rest=0.12 * known)
    assert audit.source.startswith("40 tasks audited at random, judged by two new people who agree")
    assert ("the model's doubt" in audit.source) == known


def test_of_one_person_it_is_said_that_there_was_one():
    assert "judged by one person" in made(np.zeros(20), people=1).source
    assert made(np.zeros(20), people=1).after_settling(alone=False) is None


def test_a_task_of_whose_turn_nothing_is_kept_speaks_by_its_answer_alone():
    _, state = played(2, votes=500, share=0.2)
    first = int(state.counts.task_ids[audited(state)[0]])
    del state.kept_turns[first]
    audit = read_audit(state)
    assert audit.doubts[0] == audit.rest[0] == 0
    assert (audit.rest[1:] > 0).all()
    assert np.isfinite(audit.initial().value)


def test_who_looks_often_has_a_wider_interval_than_at_one_look():
    wrong = np.arange(60) % 6 == 0
    audit = made(wrong)
    looked, once = audit.initial(), audit.alone()
    assert looked.value == once.value == wrong.mean()
    assert looked.low < once.low < once.high < looked.high
    assert made(wrong, tasks=60).initial().low == wrong.mean(), "then everything is audited"


def test_peoples_own_error_is_taken_out_once_it_is_known():
    """People who err 20 % of the time, each in one of two ways; a tenth of the labels are wrong."""
    audit = made(np.arange(400) % 8 == 0, pairs=LEAST_AUDIT - 1, differing=5)
    found = audit.initial()
    assert found.value == 0.125
    assert audit.without_people(found) is None
    known = replace(audit, pairs=400, differing=136)
    assert known.without_people(found).value == pytest.approx(0.07, abs=0.015)
    known = replace(audit, pairs=4000, differing=0)
    assert known.without_people(found).value == pytest.approx(0.125, abs=0.001)


def test_labels_settled_by_people_and_by_one_with_the_model_have_errors_of_their_own():
    said = np.zeros(70)
    settled = np.where(np.arange(70) < 2, 1, 0)
    settled[40:50] = -1  # never settled
    settled[50:55] = 1
    audit = made(said, settled=settled, alone=np.arange(70) >= 50)
    assert audit.after_settling(alone=False).value == 2 / 40
    assert audit.after_settling(alone=True).value == 5 / 20
    assert made(said, settled=np.full(70, -1)).after_settling(alone=False) is None
    assert made(said).after_settling(alone=True) is None


def test_a_class_has_a_figure_from_a_hundred_audited_labels():
    wrong = np.arange(99) % 3 == 0
    assert made(wrong).by_class() == []
    ((name, found),) = made([*wrong, True]).by_class()
    assert name == 0
    assert found.value == 0.34


def test_without_audited_tasks_there_is_no_estimate():
    with pytest.raises(NotReadyError, match="audit"):
        made([]).initial()


def test_why_nothing_is_known_is_said():
    assert not_known(made(np.zeros(20)), 0.05) == ""
    assert not_known(made(np.zeros(7)), 0.05) == "not known yet; the audit has 7 of 20"
    assert "audit_share is 0" in not_known(made([]), 0.0)
    alone = not_known(made([], lonely=3), 0.05)
    assert alone.endswith("0 of 20, and 3 tasks wait for another person: two must agree")
