"""Experiments on small data: the order of methods, what is kept, and what is written."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from relabel.catalogue.options import names_of
from relabel.cli.app import build_app
from relabel.errors import ConfigurationError
from relabel.simulation.campaign.cleanlab_scores import PEERS, voter_table
from relabel.simulation.campaign.concurrency import run_asynchronous
from relabel.simulation.campaign.loop import Rules, initial_counts
from relabel.simulation.campaign.orders import random_order
from relabel.simulation.campaign.people import Panel, PanelSpec
from relabel.simulation.campaign.rankings import TRUTH, TWO_PHASE, Method
from relabel.simulation.campaign.seeds import ROLES, seed_of
from relabel.simulation.campaign.two_phase import QUERIES
from relabel.simulation.command import run_simulation
from relabel.simulation.data.dataset import Dataset, certain
from relabel.simulation.data.noise_models import symmetric_matrix
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import (
    ORACLE,
    RANDOM,
    REPEATING,
    WEIGHING_ORACLE,
    Setting,
    true_rates,
)
from relabel.simulation.experiment.summary import summarise
from relabel.simulation.measure.curves import final_labels, visits_of
from relabel.simulation.plan import SimulationOptions, usual_noise
from relabel.simulation.report.files import table_of
from rich.console import Console
from typer.testing import CliRunner


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 150)
    centres = 3 * rng.standard_normal((3, 6))
    features = (centres[truth] + rng.standard_normal((150, 6))).astype(np.float32)
    return Dataset("made", ("a", "b", "c"), certain(truth, 3), features=features)


@pytest.mark.parametrize(("width", "columns"), [(80, 6), (160, 10)])
def test_the_table_cuts_no_word_off_whatever_the_width(setting, width, columns):
    method = Method("linear", "tiered_phi", "diffusion")
    rows = summarise(setting, (method,), run_experiment(setting, (method,), (0, 1)))
    table = table_of(rows, "A title", width)
    shown = StringIO()
    Console(width=width, file=shown).print(table)
    assert len(table.columns) == columns
    assert "linear tiered_phi diffusion" in shown.getvalue()
    assert "…" not in shown.getvalue()


@pytest.fixture(scope="module")
def setting(data):
    return Setting(data, "symmetric", 0.3)


def figures(runs):
    """All but the seconds, which no two runs share."""
    return [(r.method, r.seed, replace(r.figures, seconds=0.0)) for r in runs]


def test_selector_lies_between_random_order_and_the_oracle(setting):
    methods = (Method("linear", "phi"), Method(TRUTH, "phi"))
    runs = run_experiment(setting, methods, (0, 1))
    area = {
        name: np.mean([run.figures.area for run in runs if run.method == name])
        for name in (RANDOM, "linear phi", ORACLE)
    }
    assert area[RANDOM] < area["linear phi"] <= area[ORACLE] + 1e-9


@pytest.mark.slow
def test_two_phases_ask_about_nothing_that_phase_one_kept_and_clean_better_than_chance(setting):
    rounds = replace(setting, budget=40, retrain_every=20, closing="expert")
    methods = tuple(Method(TWO_PHASE, query) for query in QUERIES)
    runs = run_experiment(rounds, methods, (0,))
    wrong = runs[0].initial != rounds.data.truth
    asked = {run.method: run.visits.tasks for run in runs}
    for method in map(str, methods):
        assert len(set(asked[method])) == len(asked[method]) == 40
        assert wrong[asked[method]].mean() > 2 * wrong.mean()
    assert len({tuple(asked[str(method)]) for method in methods}) == len(QUERIES)


def test_all_methods_of_a_seed_start_from_the_same_labels(setting):
    runs = run_experiment(setting, (Method(TRUTH, "ce"), Method(TRUTH, "entropy")), (0, 1))
    starts = {run.seed: run.figures.noise_rate for run in runs}
    assert starts[0] != starts[1]
    assert all(run.figures.noise_rate == starts[run.seed] for run in runs)


def test_a_stopped_experiment_goes_on_to_the_same_figures(setting, tmp_path):
    retrained = replace(setting, retrain_every=40)
    methods = (Method("linear", "ce"),)
    whole = run_experiment(retrained, methods, (0,), folder=tmp_path / "kept")
    for path in (tmp_path / "kept").glob("*.json"):
        path.unlink()
    again = run_experiment(retrained, methods, (0,), folder=tmp_path / "kept")
    alone = run_experiment(retrained, methods, (0,))
    assert str(figures(again)) == str(figures(whole)) == str(figures(alone))


def test_finished_campaigns_are_read_and_not_run_again(setting, tmp_path, monkeypatch):
    methods = (Method("linear", "ce"),)
    first = run_experiment(setting, methods, (0,), folder=tmp_path)
    monkeypatch.setattr("relabel.simulation.experiment.campaigns.run_campaign", None)
    second = run_experiment(setting, methods, (0,), folder=tmp_path)
    assert str([run.figures for run in second]) == str([run.figures for run in first])


@pytest.mark.parametrize("diversity", ["diffusion", "k_centre", "quotas"])
def test_every_diversity_rule_runs_inside_a_campaign(setting, diversity):
    runs = run_experiment(setting, (Method(TRUTH, "ce", diversity),), (0,))
    assert runs[-1].figures.final_correct > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("score", ["okg", "activelab_by_vote"])
@pytest.mark.parametrize("consensus", ["majority", "posterior"])
def test_published_baselines_run_beside_our_own_methods(setting, score, consensus):
    method = Method("linear", score, consensus=consensus)
    run = run_experiment(replace(setting, audit_share=0.1), (method,), (0,))[-1]
    assert run.method == str(method)
    assert run.figures.final_correct > 1 - run.figures.noise_rate
    with pytest.raises(ConfigurationError, match=f"linear {score}"):
        run_experiment(replace(setting, closing="vote"), (method,), (0,))


@pytest.mark.parametrize("score", ["okg", "activelab_by_vote"])
def test_a_live_project_knows_no_published_baseline(score):
    """A policy is checked against these names when its project is connected."""
    assert score not in names_of("score")


@pytest.mark.slow
@pytest.mark.parametrize("peer", sorted(PEERS))
def test_peers_rank_wrong_labels_first_in_the_same_campaigns(setting, peer):
    pytest.importorskip("cleanlab")
    single = replace(setting, closing="vote", rank_every=25, budget=100)
    for rules in (setting, single):
        run = run_experiment(rules, (Method("linear", peer),), (0,))[-1]
        assert run.figures.auroc > 0.8
        assert run.figures.final_correct > 1 - run.figures.noise_rate


@pytest.mark.parametrize("peer", sorted(PEERS))
def test_the_order_of_the_classes_changes_no_peer(peer):
    """With ties, also without a shown label, and unlabelled tasks where the peer takes them."""
    pytest.importorskip("cleanlab")
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, (60, 4))
    single = peer in ("cleanlab_self_confidence", "cleanlab_normalized_margin")
    counts[counts.sum(1) == 0, 0] = not single
    labels = np.where(rng.random(60) < 0.7, counts.argmax(1), -1)
    probs = rng.dirichlet(np.ones(4), 60)
    order = np.array([2, 0, 3, 1])
    places = np.append(np.argsort(order), -1)
    here = PEERS[peer](counts, probs, labels)
    there = PEERS[peer](counts[:, order], probs[:, order], places[labels])
    np.testing.assert_allclose(there, here, atol=1e-9)


def test_voters_are_laid_out_one_vote_per_column():
    """The shown label first, then the likelier class."""
    counts = np.array([[2, 0, 1], [0, 1, 0], [1, 1, 1]])
    probs = np.array([[0.1, 0.1, 0.8], [0.1, 0.1, 0.8], [0.6, 0.1, 0.3]])
    table = voter_table(counts, probs, np.array([0, 1, 1]))
    assert np.nan_to_num(table, nan=-1).tolist() == [[0, 0, 2], [1, -1, -1], [1, 0, 2]]


def test_summary_has_each_figure_with_its_sd_and_none_where_unreached(setting):
    short = replace(setting, budget=20)
    rows = summarise(
        short, (Method(TRUTH, "ce"),), run_experiment(short, (Method(TRUTH, "ce"),), (0, 1))
    )
    ours = rows[-1]
    assert (ours["selector"], ours["score"], ours["diversity"]) == (TRUTH, "ce", "none")
    assert ours["votes_to"]["0.99"] is None
    assert ours["relative_area_sd"] >= 0
    # A model that knows the truth is a bound and no method to choose.
    assert "area_minus_best" not in ours


@pytest.mark.parametrize(
    ("parts", "message"),
    [(("nobody", "phi"), "selector='nobody'"), (("linear", "psi"), "score='psi'")],
)
def test_unknown_part_of_a_method_is_refused_with_the_known_ones(parts, message):
    with pytest.raises(ConfigurationError, match=message):
        Method(*parts)


def test_noise_that_suits_the_data_is_the_default(data):
    assert usual_noise(data) == "symmetric"
    assert usual_noise(replace(data, given=data.truth)) == "given"
    assert usual_noise(replace(data, distributions=np.full((150, 3), 1 / 3))) == "temperature"


def test_roles_and_runs_have_seeds_of_their_own():
    seeds = {seed_of(run, role) for run in range(50) for role in ROLES}
    assert len(seeds) == 50 * len(ROLES)


def test_people_at_once_keep_to_the_budget_and_vote_once_per_task(data):
    confusions = np.stack([symmetric_matrix(3, 0.1)] * 3)
    panel = Panel(data.distributions, confusions, np.array([1.0, 1.0, 0.5]), seed=1)
    labels = np.zeros(150, dtype=np.int64)
    counts, rules = initial_counts(labels, 3), Rules(90)
    log = run_asynchronous(
        counts, random_order(0), panel, rules, seconds=np.array([5.0, 9.0, 20.0]), seed=2
    )
    assert len(log) == 90
    assert len(set(zip(log.tasks, log.annotators, strict=True))) == 90
    assert log.tasks != sorted(log.tasks, key=log.tasks.index)
    after = final_labels(visits_of(log, counts, rules), labels)
    assert (after == data.truth).sum() > (labels == data.truth).sum()


def test_people_at_once_refuse_rules_they_cannot_keep(data):
    panel = Panel(data.distributions, np.eye(3)[None], np.ones(1), seed=1)
    with pytest.raises(ConfigurationError, match="closing='expert'"):
        run_asynchronous(
            initial_counts(data.truth, 3),
            random_order(0),
            panel,
            Rules(5, closing="expert"),
            seconds=np.ones(1),
            seed=0,
        )


def test_people_at_once_are_simulated_by_an_option(data):
    """The same people and methods: nobody waits, so more tasks are begun before the first ends."""
    panel = PanelSpec((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    setting = Setting(data, "symmetric", 0.3, budget=60, panel=panel)
    methods = (Method("truth", "phi"),)
    turns, at_once = (
        run_experiment(replace(setting, at_once=at_once), methods, (0,))
        for at_once in (False, True)
    )
    assert [run.method for run in turns] == [run.method for run in at_once]
    for one, other in zip(turns, at_once, strict=True):
        assert (other.initial == one.initial).all()
        assert other.curve.at(np.array([60])) >= other.curve.at(np.array([0]))
    waited, busy = (
        next(run.visits.ends[0] for run in runs if run.method == "truth phi")
        for runs in (turns, at_once)
    )
    assert waited == 2 < busy


WEIGHED = (
    Method("linear", "ce"),
    Method("linear", "ce", consensus="posterior"),
    Method("linear", "gain", consensus="posterior"),
)


@pytest.fixture(scope="module")
def weighed(setting, tmp_path_factory):
    """Runs with the posterior as evidence and an audit, and the folder that they are kept in."""
    folder = tmp_path_factory.mktemp("weighed")
    audited = replace(setting, audit_share=0.1)
    return audited, run_experiment(audited, WEIGHED, (0, 1), folder=folder), folder


def test_the_posterior_as_evidence_saves_votes(weighed):
    audited, runs, _ = weighed
    rows = {row["method"]: row for row in summarise(audited, WEIGHED, runs)}
    assert list(rows) == [RANDOM, ORACLE, WEIGHING_ORACLE, *map(str, WEIGHED)]
    by_people, evidence, gain = (rows[str(method)] for method in WEIGHED)
    assert evidence["votes_to"]["0.95"] < by_people["votes_to"]["0.95"]
    assert gain["votes_to_exported"]["0.95"] < by_people["votes_to"]["0.95"]
    assert gain["consensus"] == "posterior"
    assert rows[WEIGHING_ORACLE]["consensus"] == "posterior"
    assert "area_minus_best" not in rows[WEIGHING_ORACLE]


def test_where_votes_alone_decide_both_accounts_are_one_and_nothing_rests_on_the_model(weighed):
    audited, runs, _ = weighed
    rows = {row["method"]: row for row in summarise(audited, WEIGHED, runs)}
    by_people, evidence = rows["linear ce"], rows["linear ce posterior"]
    assert by_people["votes_to_exported"] == by_people["votes_to"]
    assert (by_people["settled_by_one"], by_people["right_by_one"]) == (0, None)
    assert evidence["settled_by_one"] > 50
    assert evidence["right_by_one"] > 0.94
    assert evidence["broken"] <= 1


def test_both_accounts_stand_in_a_wide_table(weighed):
    audited, runs, _ = weighed
    rows = summarise(audited, WEIGHED, runs)
    assert len(table_of(rows, "A title", 200).columns) == len(table_of(rows, "", 80).columns) + 8
    assert len(table_of(rows[:2], "A title", 200).columns) == 10


def test_a_finished_campaign_with_evidence_is_read_as_it_was(weighed, monkeypatch):
    audited, runs, folder = weighed
    monkeypatch.setattr("relabel.simulation.experiment.campaigns.run_project", None)
    again = run_experiment(audited, WEIGHED, (0, 1), folder=folder)
    assert str(figures(again)) == str(figures(runs))
    for one, other in zip(runs, again, strict=True):
        assert (one.exported.correct == other.exported.correct).all()


def test_told_rates_are_those_of_labels_and_people(data):
    initial = np.where(np.arange(150) < 30, (data.truth + 1) % 3, data.truth)
    soft = replace(data, distributions=0.85 * data.distributions + 0.05)
    rates = true_rates(soft, initial)
    assert (rates.old[0], rates.people) == pytest.approx((0.2, 0.1))
    said = np.column_stack([data.truth, np.zeros(150, dtype=np.int64)])
    assert true_rates(replace(data, answers=said), initial).people == pytest.approx(
        (data.truth != 0).mean() / 2
    )


def test_what_is_played_vote_by_vote_is_not_mixed_with_people_at_once(data, tmp_path):
    arguments = ["simulate", "--annotators", "0.9,0.8", "--at-once", "--out", str(tmp_path)]
    for more in (["--score", "gain"], ["--consensus", "posterior"], ["--audit-share", "0.05"]):
        error = CliRunner().invoke(build_app(), [*arguments, *more]).exception
        assert isinstance(error, ConfigurationError)
        assert "vote by vote" in str(error)
    setting = Setting(data, "symmetric", 0.2, closing="expert", audit_share=0.1)
    with pytest.raises(ConfigurationError, match="vote by vote"):
        run_experiment(setting, (Method("linear", "ce"),), (0,))


def test_people_at_once_are_a_panel(data, tmp_path):
    with pytest.raises(ConfigurationError, match=r"--annotators 0\.95,0\.9,0\.8 --at-once"):
        Setting(data, "symmetric", 0.2, at_once=True)
    arguments = ["simulate", "--at-once", "--out", str(tmp_path)]
    assert isinstance(CliRunner().invoke(build_app(), arguments).exception, ConfigurationError)


@pytest.mark.slow
def test_command_writes_every_file(tmp_path):
    options = SimulationOptions(
        selector=("truth",), score=("phi", "ce"), seeds=2, budget=300, out=tmp_path, workers=1
    )
    assert run_simulation(options, Console(quiet=True)) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        "summary.json",
        "curves.csv",
        "curves.png",
        "curves.svg",
        "ranking.png",
        "report.html",
    } <= names
    rows = json.loads((tmp_path / "summary.json").read_text())["rows"]
    assert [row["method"] for row in rows] == ["random", "oracle", "truth phi", "truth ce"]
    page = (tmp_path / "report.html").read_text()
    assert "truth phi" in page
    assert 'src="http' not in page


def test_the_oracle_that_may_ask_again_is_no_method_to_compare_with(setting):
    """It knows the truth, like the other oracle: the best is one of the others."""
    method = Method("linear", "phi")
    asked = replace(setting, repeating_oracle=True)
    rows = summarise(asked, (method,), run_experiment(asked, (method,), (0, 1)))
    found = {row["method"]: row.get("area_minus_best") for row in rows}
    assert set(found) == {RANDOM, ORACLE, REPEATING, str(method)}
    assert found[REPEATING] is None
    assert found[str(method)]["mean"] == 0
