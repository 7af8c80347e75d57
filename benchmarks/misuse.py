"""What is lost where what the posterior believes is wrong: misuses, beside a strict majority.

    python benchmarks/misuse.py [--data FOLDER] [--seeds 50] [--cases flat,adversary]

Each seed of each case is one project of at most 1,000 tasks of CIFAR-10H, played to the end of its
budget three times with the same first labels, people, answers and audit of 5 % of the votes: with a
strict majority in the order of tiered phi, with the posterior as evidence in the same order, and
with it by gain. The model is as the case has it and does not learn. The loss is the greatest lead,
in share of right labels, that the strict majority has at any equal number of votes. Posteriors are
those of `linear`, kept in benchmarks/.cache. Writes results/misuse.md.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from relabel.numerics.audit import random_order
from relabel.numerics.consensus.posterior import Rates
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign.judge import Terms
from relabel.simulation.campaign.loop import Queue, initial_counts
from relabel.simulation.campaign.orders import OrderedQueue
from relabel.simulation.campaign.people import Annotators, Crowd, Panel
from relabel.simulation.campaign.project import run_project
from relabel.simulation.campaign.rankings import selector_of
from relabel.simulation.data.noise_models import make_noise, symmetric_matrix
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.measure.curves import accounts_of, curve_of
from relabel.types import BoolArray, FloatArray, IntArray

HERE = Path(__file__).resolve().parent
OUT = HERE / "results" / "misuse.md"
TASKS, WRONG = 1000, 0.15
VOTES_EACH = 2.5
"""Votes of a project by its tasks: most of them are asked by then."""

FIRST = 300
"""The first seed: nothing was chosen by these."""

STEP = 25
MOST = 0.01
"""A seed passes where no more than this share of the labels is lost at any number of votes."""

CAT, DOG, UNSEEN = 3, 5, 3
HEAD = """# What is lost where what is believed is wrong

    python benchmarks/misuse.py --seeds {seeds}

Projects of {tasks:,} tasks of CIFAR-10H, 15 % of the labels wrong and an audit of 5 % where nothing
else is said. Each cell: seeds in which never more than one label in a hundred is lost against a
strict majority at equal votes; the median over seeds of the greatest such loss at any number of
votes; and of that at the end (below 0: the posterior ends righter). Settled: labels of settled
tasks; by gain, which asks one vote here and one there, many tasks are begun and few are settled for
long. Exported: labels as they would be taken out.

| misuse | tiered phi, settled | gain, settled | gain, exported |
|---|---|---|---|"""
METHODS = {
    "tiered_phi": {"consensus": "posterior"},
    "gain": {"consensus": "posterior", "by_gain": True},
}


@dataclass(frozen=True)
class Case:
    """One project: (N,) old labels and truth, (N, K) posteriors, people, and what else is set."""

    old: IntArray
    truth: IntArray
    probs: FloatArray
    people: Annotators
    terms: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Material:
    """What a data set gives: (N,) labels, (N, K) posteriors and true distributions."""

    old: IntArray
    truth: IntArray
    probs: FloatArray
    said: FloatArray


def as_it_is(folder: Path, seed: int) -> Case:
    """Return a project in which all that is believed is as true as it gets."""
    made = material(folder, "cifar10h", seed)
    return Case(made.old, made.truth, made.probs, Crowd(made.said, seed))


def overconfident(folder: Path, seed: int) -> Case:
    """Return posteriors with log odds twice what they should be."""
    case = as_it_is(folder, seed)
    sharp = case.probs**2
    return replace(case, probs=sharp / sharp.sum(1, keepdims=True))


def worse_people(folder: Path, seed: int) -> Case:
    """Return people who err twice as often as the project is told, which learns no rates."""
    case = as_it_is(folder, seed)
    classes = case.probs.shape[1]
    told = Rates(np.full(classes, WRONG), WRONG, people=0.05)
    people = Crowd(np.eye(classes)[case.truth] @ symmetric_matrix(classes, 0.10), seed)
    return replace(case, people=people, terms={"known": told})


def adversary(folder: Path, seed: int) -> Case:
    """Return five people of whom one says the next class of every task."""
    case = as_it_is(folder, seed)
    classes = case.probs.shape[1]
    confusions = np.stack([symmetric_matrix(classes, 0.05)] * 5)
    confusions[0] = np.roll(np.eye(classes), 1, axis=1)
    return replace(case, people=Panel(np.eye(classes)[case.truth], confusions, np.ones(5), seed))


def unseen_class(folder: Path, seed: int) -> Case:
    """Return posteriors that never name one of the classes."""
    case = as_it_is(folder, seed)
    probs = case.probs.copy()
    probs[:, UNSEEN] = 1e-6
    return replace(case, probs=probs / probs.sum(1, keepdims=True))


def lucky_audit(folder: Path, seed: int) -> Case:
    """Return an audit of 20 tasks, none of them wrong."""
    case = as_it_is(folder, seed)
    order = random_order(np.arange(len(case.old)), seed)[:20]
    old = case.old.copy()
    old[order] = case.truth[order]
    votes = VOTES_EACH * len(old)
    return replace(case, old=old, terms={"audit_share": 40 / votes})


def two_classes(folder: Path, seed: int) -> Case:
    """Return cats and dogs with 45 % of the labels wrong."""
    made = material(folder, "two", seed)
    return Case(made.old, made.truth, made.probs, Crowd(made.said, seed))


def corrected(folder: Path, seed: int) -> Case:
    """Return a model taught labels of which nine tenths of the wrong ones had been put right."""
    made = material(folder, "corrected", seed)
    return Case(made.old, made.truth, made.probs, Crowd(made.said, seed))


def like_minded(folder: Path, seed: int, *, error: float) -> Case:
    """Return a model that says the next class of every task, and people who often say so too."""
    case = as_it_is(folder, seed)
    one = np.eye(case.probs.shape[1])
    after = one[(case.truth + 1) % len(one)]
    rng = np.random.default_rng([5, seed])
    old = np.where(rng.random(len(after)) < WRONG, after.argmax(1), case.truth)
    people = Crowd((1 - error) * one[case.truth] + error * after, seed)
    return Case(old, case.truth, (0.04 / len(one) + 0.96 * after), people)


CASES: dict[str, tuple[str, Callable[[Path, int], Case]]] = {
    "none": ("no misuse", as_it_is),
    "overconfident": ("posteriors with twice their log odds", overconfident),
    "people": ("people err .10, told .05, nothing is learnt", worse_people),
    "adversary": ("one of five people says the next class", adversary),
    "unseen": ("a class that the model never names", unseen_class),
    "audit": ("an audit of 20 tasks, none wrong", lucky_audit),
    "two": ("cats and dogs, 45 % wrong", two_classes),
    "corrected": ("taught labels nine tenths corrected", corrected),
    "liars": (
        "a model always wrong, people with it .05 of the time",
        partial(like_minded, error=0.05),
    ),
    "tempted": ("the same, people with it .10", partial(like_minded, error=0.10)),
    "fooled": ("the same, people with it .33", partial(like_minded, error=0.33)),
}


def material(folder: Path, name: str, seed: int) -> Material:
    """Return the labels and posteriors of one seed, made once."""
    path = HERE / ".cache" / "misuse" / f"{name}_{seed}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **make_material(folder, name, seed))
    with np.load(path) as kept:
        return Material(**{key: kept[key] for key in ("old", "truth", "probs", "said")})


def make_material(folder: Path, name: str, seed: int) -> dict[str, np.ndarray]:
    """Draw tasks and their noise, and let the model learn."""
    data, rng = load_dataset("cifar10h", folder), np.random.default_rng([4, seed])
    truth = data.distributions.argmax(1)
    pets = (truth == CAT) | (truth == DOG)
    pool = np.flatnonzero(pets if name == "two" else np.ones_like(pets))
    data = data.rows(np.sort(rng.permutation(pool)[:TASKS]))
    truth, said = data.distributions.argmax(1), data.distributions
    if name == "two":
        said = said[:, [CAT, DOG]] + 1e-9
        said, truth = said / said.sum(1, keepdims=True), (truth == DOG).astype(np.int64)
        data = replace(data, distributions=said, classes=("cat", "dog"))
        old = np.where(rng.random(len(truth)) < 0.45, 1 - truth, truth)
    else:
        old = make_noise("temperature", data, rng, rate=WRONG)
    taught = old
    if name == "corrected":
        taught = np.where(rng.random(len(old)) < 0.9, truth, old)
    select = selector_of("linear", data, Surroundings(data.features, 0), seed, given=taught)
    probs = select(initial_counts(taught, said.shape[1]), taught).posteriors.probs
    return {"old": old, "truth": truth, "probs": probs.astype(np.float64), "said": said}


def fixed_order(case: Case) -> Callable[[IntArray, IntArray, BoolArray], Queue]:
    """Return the order of tiered phi."""
    counts = initial_counts(case.old, case.probs.shape[1])
    order = np.argsort(-SCORES["tiered_phi"](counts, case.probs), kind="stable")
    return lambda _counts, _labels, pool: OrderedQueue(order[pool[order]])


def play(case: Case, seed: int, **terms: object) -> dict[str, FloatArray]:
    """Return the share of right labels after every `STEP` votes, settled and exported."""
    budget = int(VOTES_EACH * len(case.old))
    chosen = Terms(budget, **{"audit_share": 0.05, **case.terms, **terms})
    classes = case.probs.shape[1]
    log = run_project(
        case.old, classes, lambda *_: case.probs, fixed_order(case), case.people, chosen, seed=seed
    )
    accounts = accounts_of(log, initial_counts(case.old, classes), chosen)
    grid = np.arange(0, budget + 1, STEP)
    return {
        name: curve_of(visits, case.truth, case.old).at(grid)
        for name, visits in (("settled", accounts.settled), ("exported", accounts.exported))
    }


def losses(case: Case, seed: int) -> dict[str, tuple[float, float]]:
    """Return by method and account the greatest loss at equal votes, and that at the end."""
    people = play(case, seed)["settled"]
    found = {}
    for name, terms in METHODS.items():
        for account, right in play(case, seed, **terms).items():
            if (name, account) != ("tiered_phi", "exported"):
                behind = people - right
                found[f"{name}, {account}"] = float(behind.max()), float(behind[-1])
    return found


def row(title: str, make: Callable[[int], Case], seeds: range) -> str:
    """Return one line of the table."""
    played = [losses(make(seed), seed) for seed in seeds]
    cells = [title]
    for name in played[0]:
        most, last = np.array([one[name] for one in played]).T
        passed = int((most <= MOST).sum())
        cells.append(f"{passed} of {len(seeds)}; {np.median(most):.3f}, {np.median(last):+.3f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Play all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--cases", default=",".join(CASES))
    args = parser.parse_args()
    seeds = range(FIRST, FIRST + args.seeds)
    lines = [HEAD.format(seeds=args.seeds, tasks=TASKS)]
    for name in args.cases.split(","):
        title, make = CASES[name]
        lines.append(row(title, partial(make, args.data), seeds))
        print(lines[-1], flush=True)
    OUT.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
