"""The campaigns of one seed: baselines and methods, on the same first labels and answers."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.gain import GAIN
from relabel.numerics.labels import leading
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign.concurrency import run_asynchronous
from relabel.simulation.campaign.judge import KEYS, Terms
from relabel.simulation.campaign.loop import Prioritise, Rules, run_campaign
from relabel.simulation.campaign.orders import oracle_order, random_order
from relabel.simulation.campaign.people import Annotators, Panel
from relabel.simulation.campaign.project import run_project
from relabel.simulation.campaign.rankings import (
    BATCH,
    TWO_PHASE,
    Method,
    Select,
    model_order,
    two_phase_order,
)
from relabel.simulation.campaign.seeds import seed_of
from relabel.simulation.campaign.votelog import VoteLog, replay
from relabel.simulation.experiment.setting import (
    ORACLE,
    RANDOM,
    REPEATING,
    WEIGHING_ORACLE,
    Run,
    Setting,
    true_rates,
)
from relabel.simulation.experiment.store import Figures, Kept, Store
from relabel.simulation.measure.curves import accounts_of, curve_of, final_labels
from relabel.simulation.measure.evaluation import (
    Alone,
    auroc,
    remaining,
    selection_precision,
    settled_by_one,
)
from relabel.types import FloatArray, IntArray

TO_THE_END = 4
"""Random order may spend this many votes per task, so that its votes to a target are known."""

Play = Callable[[Kept, VoteLog | None], VoteLog]
"""play(what is kept of the campaign, its votes so far or None) -> all its votes."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What all campaigns of one seed share."""

    setting: Setting
    seed: int
    initial: IntArray
    counts: IntArray
    annotators: Annotators
    surroundings: Surroundings
    store: Store | None


def baselines(stage: Stage) -> Iterator[Run]:
    """Run random order and the oracles that know the truth."""
    setting, ties = stage.setting, seed_of(stage.seed, "ties")
    rules = _rules(setting)
    once = Rules(
        TO_THE_END * len(setting.data), closing=setting.closing, max_votes=setting.max_votes
    )
    shuffled = random_order(seed_of(stage.seed, "random order"))
    yield _run(stage, RANDOM, once, _by_rules(stage, lambda _: shuffled, once))
    knowing = oracle_order(setting.data.distributions, SCORES["ratio"], ties)
    budget = replace(once, budget=rules.budget)
    yield _run(stage, ORACLE, budget, _by_rules(stage, lambda _: knowing, budget))
    if setting.repeating_oracle:
        again = replace(rules, repeats=True, max_votes=None)
        yield _run(stage, REPEATING, again, _by_rules(stage, lambda _: knowing, again))


def weighing_oracle(stage: Stage, select: Select) -> Run:
    """Run the oracle's order where the posterior is evidence: what that consensus could reach."""
    ties = seed_of(stage.seed, "ties")
    knowing = oracle_order(stage.setting.data.distributions, SCORES["ratio"], ties)
    terms = _terms(stage, Method("linear", "ce", consensus="posterior"))
    return _run(stage, WEIGHING_ORACLE, terms, _by_terms(stage, lambda _: knowing, select, terms))


def model_run(stage: Stage, method: Method, select: Select) -> Run:
    """Run a method's campaign."""
    setting = stage.setting
    rules = _rules(setting)
    if method.diversity != "none" and rules.update_every is None:
        rules = replace(rules, update_every=BATCH)

    def order(kept: Kept) -> Prioritise:
        if method.selector == TWO_PHASE:
            return two_phase_order(
                method.score,
                select,
                setting.data,
                stage.surroundings,
                stage.counts,
                seed=seed_of(stage.seed, "model"),
                device=setting.device,
                options=method.options,
            )
        return model_order(
            method,
            select,
            stage.surroundings,
            seed=seed_of(stage.seed, "ties"),
            learn_from=None if setting.retrain_every else stage.counts,
            batch=rules.update_every,
            on_scores=kept.save_scores,
        )

    if method.weighs or setting.audit_share:
        terms = _terms(stage, method)
        return _run(stage, str(method), terms, _by_terms(stage, order, select, terms))
    return _run(stage, str(method), rules, _by_rules(stage, order, rules))


def _rules(setting: Setting) -> Rules:
    return Rules(
        budget=setting.votes,
        closing=setting.closing,
        max_votes=setting.max_votes,
        update_every=setting.retrain_every or setting.rank_every,
    )


def _terms(stage: Stage, method: Method) -> Terms:
    setting = stage.setting
    return Terms(
        budget=setting.votes,
        consensus=method.consensus,
        confidence=setting.confidence,
        by_gain=method.score in KEYS,
        key=method.score if method.score in KEYS else GAIN,
        audit_share=setting.audit_share,
        max_votes=setting.max_votes,
        update_every=setting.retrain_every,
        known=true_rates(setting.data, stage.initial) if setting.known_rates else None,
    )


def _by_rules(stage: Stage, order: Callable[[Kept], Prioritise], rules: Rules) -> Play:
    """Play as the papers do; people at once are not continued but played anew."""
    people = stage.annotators

    def play(kept: Kept, log: VoteLog | None) -> VoteLog:
        ranking = order(kept)
        if not (stage.setting.at_once and isinstance(people, Panel)):
            return run_campaign(stage.counts, ranking, people, rules, log=log, on_round=kept.save)
        seconds = np.ones(people.size)
        seed = seed_of(stage.seed, "annotators")
        return run_asynchronous(stage.counts, ranking, people, rules, seconds=seconds, seed=seed)

    return play


def _by_terms(
    stage: Stage, order: Callable[[Kept], Prioritise], select: Select, terms: Terms
) -> Play:
    """Play as a live project does, from its beginning."""

    def model(counts: IntArray, labels: IntArray) -> FloatArray:
        if terms.update_every is None:
            counts, labels = stage.counts, leading(stage.counts)
        return select(counts, labels).posteriors.probs.astype(np.float64)

    def play(kept: Kept, _: VoteLog | None) -> VoteLog:
        return run_project(
            stage.initial,
            stage.counts.shape[1],
            model,
            order(kept),
            stage.annotators,
            terms,
            seed=seed_of(stage.seed, "audit"),
            on_keys=kept.save_scores,
        )

    return play


def _run(stage: Stage, name: str, rules: Rules | Terms, play: Play) -> Run:
    """Run one campaign, or go on with, or read, what an earlier run left in the folder."""
    kept = stage.store.campaign(name, rules) if stage.store else Kept()
    log, figures = kept.load()
    if log is None or figures is None:
        start = time.perf_counter()
        log = play(kept, log)
        kept.save(log)
        figures = _figures(stage, log, rules, kept.scores(), time.perf_counter() - start)
        kept.finish(figures)
    accounts, truth = accounts_of(log, stage.counts, rules), stage.setting.data.truth
    curve = curve_of(accounts.settled, truth, stage.initial)
    exported = curve_of(accounts.exported, truth, stage.initial)
    alone = _alone(stage, log, rules)
    return Run(name, stage.seed, stage.initial, accounts.settled, curve, exported, alone, figures)


def _alone(stage: Stage, log: VoteLog, rules: Rules | Terms) -> Alone:
    """Return what rests on one person and the model: nothing where people alone settle."""
    weighed = isinstance(rules, Terms) and rules.consensus == "posterior"
    return settled_by_one(log if weighed else VoteLog(), stage.initial, stage.setting.data.truth)


def _figures(
    stage: Stage, log: VoteLog, rules: Rules | Terms, scores: FloatArray | None, seconds: float
) -> Figures:
    data, budget = stage.setting.data, stage.setting.votes
    accounts = accounts_of(log, stage.counts, rules)
    visits = accounts.settled
    curve = curve_of(visits, data.truth, stage.initial)
    wrong = stage.initial != data.truth
    labels = final_labels(visits, stage.initial)
    left = remaining(data, labels, replay(log, stage.counts))
    alone = _alone(stage, log, rules)
    return Figures(
        noise_rate=float(wrong.mean()),
        final_correct=float(curve.at(np.array([budget]))[0]),
        area=curve.area(budget),
        auroc=float("nan") if scores is None else auroc(scores, wrong),
        precision_at_noise=selection_precision(visits, data.truth, int(wrong.sum())),
        remaining_clear=left.clear,
        remaining_ambiguous=left.ambiguous,
        total_variation=left.total_variation,
        broken=int((~wrong & (labels != data.truth)).sum()),
        settled_by_one=len(alone.right),
        right_by_one=float(alone.right.mean()) if len(alone.right) else float("nan"),
        seconds=seconds,
    )
