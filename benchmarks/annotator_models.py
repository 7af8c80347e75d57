"""What models of annotators would add: Dawid-Skene and CROWDLAB beside the rules that there are.

    python benchmarks/annotator_models.py [--data FOLDER] [--classes 2,10,100,1000]

Five people of known accuracy give one to three votes a task, and every rule reads the same votes.
Dawid and Skene (1979) learn a matrix of confusions per person, and one of the old labels, from the
votes alone; CROWDLAB is cleanlab's. All know what a project has: the model's posteriors, and the
rates learnt from the audit. "With matrices" is `posterior` whose rates are Dawid-Skene's matrices,
fitted from its own beliefs and leaning to the audit's rates by 200 votes a row. CIFAR-10N last: one
person's labels as old ones, the answers of two others. Writes results/annotator_models.md.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from annotator_panels import TASKS, Panel, cases, draw, recorded
from cleanlab.multiannotator import get_label_quality_multiannotator
from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.posterior import (
    LEAST_PRIOR,
    Rates,
    beliefs,
    denoised,
    vote_weight,
    weigh,
)
from relabel.numerics.estimates.error_rates import (
    annotator_errors,
    old_error,
    people_error,
    trained_error,
    verdicts,
)
from relabel.types import BoolArray, FloatArray, IntArray, State

OUT = Path(__file__).resolve().parent / "results" / "annotator_models.md"
CONFIDENCE = 0.95
FIRST_SEED = 100
RULES = (
    "strict majority",
    "Dawid-Skene",
    "posterior without the model",
    "posterior",
    "posterior with matrices",
    "CROWDLAB",
)
HEADS = ("K", "errors", "people", "asked", "votes", *RULES, "iterations", "seconds")
SEEDS = {2: 3, 10: 3, 100: 1, 1000: 1}
ITERATIONS = {2: 200, 10: 200, 100: 100, 1000: 50}
"""At most, of Dawid-Skene's EM: one takes seconds at a thousand classes."""
LEAN = 200
LEANING_ITERATIONS = 10


def indicators(panel: Panel) -> sp.csr_array:
    """Return (N, (W + 1) K): 1 where person a says l, at a K + l; the old labels are the last."""
    n, classes = panel.probs.shape
    rows = np.concatenate([panel.tasks, np.arange(n)])
    said = np.concatenate([panel.said, panel.old])
    sources = np.concatenate([panel.people, np.full(n, panel.width)])
    columns = sources * classes + said
    return sp.csr_array((np.ones(len(rows)), (rows, columns)), (n, (panel.width + 1) * classes))


def matrices_of(given: sp.csr_array, q: FloatArray) -> FloatArray:
    """Return (A, K, K) how often each source says l of what is believed to be c, at [a, c, l]."""
    counted = (given.T @ q).reshape(-1, q.shape[1], q.shape[1])
    return np.asarray(counted.transpose(0, 2, 1))


def believed(given: sp.csr_array, matrices: FloatArray, prior: FloatArray) -> FloatArray:
    """Return (N, K) by Bayes' rule; prior: (K,) or (N, K)."""
    classes = prior.shape[-1]
    terms = np.log(matrices).transpose(0, 2, 1).reshape(-1, classes)
    logs = given @ terms + np.log(np.maximum(prior, 1e-300))
    q = np.exp(logs - logs.max(1, keepdims=True))
    return np.asarray(q / q.sum(1, keepdims=True))


def one_coin(right: FloatArray, classes: int) -> FloatArray:
    """Return (A, K, K) where all other classes are said equally often; right: (A, K) or (A, 1)."""
    diagonal = np.broadcast_to(right, (len(right), classes))[:, :, None]
    same = np.eye(classes, dtype=bool)
    return np.where(same, diagonal, (1 - diagonal) / (classes - 1))


def dawid_skene(panel: Panel) -> tuple[FloatArray, int]:
    """Return posteriors (N, K) from the votes alone, and the iterations of EM.

    A tenth of a vote for each class beyond two leans a row to its source's one accuracy.
    """
    classes, given = panel.probs.shape[1], indicators(panel)
    counts = panel.counts() + np.eye(classes)[panel.old]
    q, moved, iterations = counts / counts.sum(1, keepdims=True), np.inf, 0
    while moved > 1e-6 and iterations < ITERATIONS[classes]:
        matrices = matrices_of(given, q) + 0.02 / classes
        right = np.trace(matrices, axis1=1, axis2=2) / matrices.sum((1, 2))
        matrices += 0.1 * (classes - 2) * one_coin(right[:, None], classes)
        matrices /= matrices.sum(2, keepdims=True)
        updated = believed(given, matrices, q.mean(0))
        moved, q, iterations = np.abs(updated - q).max(), updated, iterations + 1
    return q, iterations


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the audit says: (K,) errors of old labels, of what the model was taught, of people."""

    old: FloatArray
    trained: float
    people: FloatArray


def learn(panel: Panel) -> Learnt:
    """Return the rates that a project would have learnt from its audit."""
    classes = panel.probs.shape[1]
    judged = panel.audited[panel.tasks]
    new = np.zeros(panel.probs.shape, dtype=np.int64)
    np.add.at(new, (panel.tasks[judged], panel.said[judged]), 1)
    said = verdicts(new)
    known = said >= 0
    old = old_error(said[known], panel.old[known], classes)
    pairs, differing = np.zeros((2, panel.width), dtype=np.int64)
    first: dict[int, tuple[int, int]] = {}
    done = set()
    rows = (x[judged].tolist() for x in (panel.tasks, panel.people, panel.said))
    for task, person, label in zip(*rows, strict=True):
        if task in done:
            continue
        if task not in first:
            first[task] = (person, label)
            continue
        done.add(task)
        for one in (person, first[task][0]):
            pairs[one] += 1
            differing[one] += label != first[task][1]
    mean = people_error(int(pairs.sum()) // 2, int(differing.sum()) // 2, classes)
    return Learnt(old, trained_error(old, 0.0), annotator_errors(pairs, differing, mean, classes))


def weighed(panel: Panel, rates: Learnt, *, by_model: bool) -> FloatArray:
    """Return what `posterior` believes (N, K); without the model every class is as likely."""
    n, classes = panel.probs.shape
    flat = np.full((n, classes), 1 / classes)
    prior = denoised(panel.probs, rates.trained) if by_model else flat
    weights = vote_weight(rates.people, classes)[panel.people]
    votes = weigh(panel.tasks, panel.said, weights, (n, classes))
    old = np.eye(classes, dtype=np.int64)[panel.old]
    of_all = Rates(rates.old, rates.trained, float(rates.people.mean()))
    return beliefs(prior, old, votes, of_all)


def with_matrices(panel: Panel, rates: Learnt) -> FloatArray:
    """Return (N, K): `posterior`, its rates replaced by matrices that lean to them."""
    classes, given = panel.probs.shape[1], indicators(panel)
    errors = np.concatenate([np.tile(rates.people[:, None], classes), rates.old[None]])
    base = one_coin(1 - errors, classes)
    q = believed(given, base, denoised(panel.probs, rates.trained))
    for _ in range(LEANING_ITERATIONS):
        matrices = matrices_of(given, q) + LEAN * base
        matrices /= matrices.sum(2, keepdims=True)
        prior = np.clip(panel.probs @ np.linalg.pinv(matrices[-1]), LEAST_PRIOR, 1.0)
        q = believed(given, matrices, prior / prior.sum(1, keepdims=True))
    return q


def crowdlab(panel: Panel) -> FloatArray:
    """Return (N, K) with CROWDLAB's quality at its consensus."""
    labels = np.full((len(panel.truth), panel.width + 1), np.nan)
    labels[:, -1] = panel.old
    labels[panel.tasks, panel.people] = panel.said
    found = get_label_quality_multiannotator(
        labels, panel.probs, return_annotator_stats=False, verbose=False
    )["label_quality"]
    q = np.zeros(panel.probs.shape)
    chosen = found["consensus_label"].to_numpy(dtype=np.int64)
    q[np.arange(len(q)), chosen] = found["consensus_quality_score"].to_numpy()
    return q


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says: (N,) labels, and which tasks it settles."""

    rule: str
    labels: IntArray
    settled: BoolArray
    seconds: float = 0.0
    iterations: int = 0


def judged(panel: Panel) -> Iterator[Verdict]:
    """Yield what each rule says."""
    all_votes = panel.counts() + np.eye(panel.probs.shape[1], dtype=np.int64)[panel.old]
    found = majority(all_votes, max_votes=100, tie_rule="current", current=panel.old)
    yield Verdict("strict majority", found.labels, found.states == State.SETTLED)
    rates = learn(panel)
    began = time.perf_counter()
    q, iterations = dawid_skene(panel)
    yield _believed("Dawid-Skene", q, time.perf_counter() - began, iterations)
    yield _believed("posterior without the model", weighed(panel, rates, by_model=False))
    yield _believed("posterior", weighed(panel, rates, by_model=True))
    yield _believed("posterior with matrices", with_matrices(panel, rates))
    yield _believed("CROWDLAB", crowdlab(panel))


def _believed(rule: str, q: FloatArray, seconds: float = 0.0, iterations: int = 0) -> Verdict:
    return Verdict(rule, q.argmax(1), q.max(1) >= CONFIDENCE, seconds, iterations)


def row(what: Sequence[object], panels: Iterable[Panel]) -> str:
    """Return a line of the table: of each rule right (settled, right of these)."""
    figures = defaultdict(list)
    spent = []
    for panel in panels:
        voted = panel.counts().any(1)
        for verdict in judged(panel):
            right = verdict.labels == panel.truth
            sure = verdict.settled & voted
            of_these = right[sure].mean() if sure.any() else np.nan
            figures[verdict.rule].append((right[voted].mean(), sure[voted].mean(), of_these))
            if verdict.iterations:
                spent.append((verdict.iterations, verdict.seconds))
    cells = [_cell(np.array(figures[rule])) for rule in RULES]
    iterations, seconds = np.mean(spent, axis=0)
    return f"| {' | '.join([*map(str, what), *cells, f'{iterations:.0f}', f'{seconds:.1f}'])} |"


def _cell(figures: FloatArray) -> str:
    known = [column[~np.isnan(column)] for column in figures.T]
    right, sure, of_these = (f"{x.mean():.3f}" if len(x) else "-" for x in known)
    return f"{right} ({sure}, {of_these})"


def main() -> None:
    """Play every case and write the table, a row after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--classes", default=",".join(map(str, TASKS)))
    args = parser.parse_args()
    lines = [
        "# Models of annotators",
        "",
        f"    python benchmarks/annotator_models.py --classes {args.classes}",
        "",
        "Of tasks with a vote: right (settled, right of the settled ones). Seeds from 100 on: 3,",
        "of 100 and 1,000 classes and of CIFAR-10N 1. The last columns are Dawid-Skene's alone:",
        "it has not converged after 200 iterations (100 classes: 100, 1,000: 50); the seconds are",
        "those of a busy machine.",
        "",
        "| " + " | ".join(HEADS) + " |",
        "|" + " --- |" * len(HEADS),
    ]
    for case in cases([int(k) for k in args.classes.split(",")]):
        seeds = range(FIRST_SEED, FIRST_SEED + SEEDS[case.classes])
        lines.append(row(astuple(case), (draw(case, seed) for seed in seeds)))
        OUT.write_text("\n".join([*lines, ""]))
    if (args.data / "cifar10_train_features.npz").exists():
        for votes in (1, 2):
            what = ("10", "CIFAR-10N", "two of many", "suspects", votes)
            lines.append(row(what, [recorded(args.data, votes, FIRST_SEED)]))
            OUT.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
