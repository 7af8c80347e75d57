"""What people may be told of the wrong labels, and when they may stop: does it hold at all looks?

    python benchmarks/stopping.py [--data FOLDER] [--projects 200] [--orders 1000] [--sets digits]

A data set's old labels and posteriors (`linear`, cross-fitted) are made once, for at most 2,000 of
its tasks, and kept in benchmarks/.cache; a project is then one random order of the audit and the
answers of its people. It goes on as `relabel simulate` does, task after task in the order of tiered
phi by the first posteriors, with an audit of 5 % of the votes; the posterior as consensus is told
the true rates. Writes results/stopping.md.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from relabel.numerics.audit import EARLY, HASTE
from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.posterior import Rates, beliefs, denoised, settle, vote_weight
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.estimates.confidence_sequence import Audited, log_wealth, noise_rate_looks
from relabel.numerics.estimates.noise_rate import audited_noise_rate
from relabel.numerics.estimates.stopping import Drawn, Stop, stop_statement
from relabel.numerics.gain import disbelief
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.rankings import selector_of
from relabel.simulation.data.encoding import with_features
from relabel.simulation.data.noise_models import draw, make_noise, symmetric_matrix
from relabel.simulation.data.sources import load_dataset
from relabel.types import BoolArray, FloatArray, IntArray, State
from scipy.stats import beta

HERE = Path(__file__).resolve().parent
OUT = HERE / "results" / "stopping.md"
TASKS = 2000
"""Tasks of a project at most, so that 200 of them take minutes."""

SETS = {
    "digits": ("digits", "instance", 0.15),
    "cifar10h": ("cifar10h", "temperature", 0.15),
    "cifar10n": ("cifar10n_people", "given", None),
    "fashion_mnist": ("fashion_mnist", "instance", 0.15),
}
PEOPLE = 0.05
"""How often people err where a data set does not say."""

PRIOR_ERROR = 1 / 7
"""Of old labels, as believed before any audit: doubts are those of the first round."""

FIRST = 100
"""The first project's number: those before were for choosing when an offer is taken."""

ANSWERS = 9
CROWDS = 20
"""Different answers to all tasks; every order of the audit reads one of them."""

AUDIT_SHARE = 0.05
OFFER = 5
"""An offer of audited tasks is taken where this many times as many are still to be asked."""

LOOKS = 1000
WIDTHS = 200
CONSENSUS = ("majority", "posterior")

RATES = f"""\
## Share of labels that people would change

The interval after each audited task, at .95 for all looks together: the first {WIDTHS} of each
project and, by the truth alone, the first {LOOKS} of more orders of the audit. In brackets a 95 %
interval of the share that holds. Width: median over projects, divided by that of the audit alone at
this one look (Jeffreys).
"""

STOPS = f"""\
## "With 95 % confidence at least 90 % of the wrong labels are found"

Wrong: labels that the project's own consensus changes when their task is asked. Looked at after
votes of 2 % of the tasks. Offered: the audited tasks that the statement still needs are asked at
once where {OFFER} times as many are still to be asked; after the first wrong one the queue goes on.
Medians over the projects where it was said before 99.5 % were found; beside them the share found of
the labels that people would change (two who agree, so also where one person has confirmed the old
label), and of those that are wrong by the data set's truth.
"""


@dataclass(frozen=True)
class Material:
    """What all projects of a data set share: old labels (N,), posteriors and answers to come."""

    old: IntArray
    truth: IntArray
    probs: FloatArray
    distributions: FloatArray
    recorded: IntArray | None

    @property
    def doubts(self) -> FloatArray:
        """(N,) how improbable each old label is before any vote."""
        n, k = self.probs.shape
        prior = denoised(self.probs, PRIOR_ERROR)
        old = initial_counts(self.old, k)
        rates = Rates(np.full(k, PRIOR_ERROR), PRIOR_ERROR, PRIOR_ERROR)
        q = beliefs(prior, old, np.zeros((n, k)), rates)
        return disbelief(q, self.old)

    def answers(self, seed: int) -> IntArray:
        """(N, A) what people say of each task, in the order in which they are asked."""
        if self.recorded is not None:
            return self.recorded
        rng = np.random.default_rng([11, seed])
        return np.stack([draw(self.distributions, rng) for _ in range(ANSWERS)], axis=1)


@dataclass(frozen=True)
class Outcomes:
    """What asking each of N tasks comes to, and how many answers that takes.

    people, people_votes: whether two new people who agree change the label (the audit's verdict).
    changed, votes: whether the project's consensus changes it.
    """

    people: BoolArray
    people_votes: IntArray
    changed: BoolArray
    votes: IntArray


@dataclass(frozen=True)
class Ending:
    """The first time that "you may stop" was said; shares of what was found by then."""

    votes: int
    audited: int
    offered: int
    to_ask_all: int
    found: float
    of_people: float
    of_truth: float


def main() -> None:
    """Play all projects and write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--projects", type=int, default=200)
    parser.add_argument("--orders", type=int, default=1000, help="of the audit, for coverage alone")
    parser.add_argument("--sets", default=",".join(SETS))
    args = parser.parse_args()
    materials = {name: material(name, args.data) for name in args.sets.split(",")}
    command = f"python benchmarks/stopping.py --projects {args.projects} --orders {args.orders}"
    lines = ["# What people may be told, and when they may stop", "", f"    {command}", ""]
    for part in (rates, stops):
        for line in part(materials, args):
            print(line, flush=True)
            lines.append(line)
            OUT.write_text("\n".join([*lines, ""]))


def material(name: str, folder: Path) -> Material:
    """Return a data set's labels and posteriors, made once."""
    path = HERE / ".cache" / f"stopping_{name}_{TASKS}.npz"
    if not path.exists():
        source, noise, rate = SETS[name]
        data = load_dataset(source, folder)
        rows = np.random.default_rng(0).permutation(len(data))[:TASKS]
        data = data.rows(np.sort(rows))
        data = with_features(data, "tiny", HERE / ".cache" / "embeddings", max_pixels=10**6)
        old = make_noise(noise, data, np.random.default_rng(1), rate=rate)
        select = selector_of("linear", data, Surroundings(data.features, 0), 0, given=old)
        probs = select(initial_counts(old, len(data.classes)), old).posteriors.probs
        answers = np.zeros((0, 0), dtype=np.int64) if data.answers is None else data.answers
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, old=old, probs=probs, distributions=data.distributions, answers=answers)
    with np.load(path) as kept:
        said = kept["distributions"]
        truth, classes = said.argmax(1), said.shape[1]
        if (said.max(1) == 1).all():
            said = said @ symmetric_matrix(classes, PEOPLE)
        recorded = kept["answers"] if kept["answers"].size else None
        return Material(kept["old"], truth, kept["probs"].astype(np.float64), said, recorded)


def outcomes(made: Material, seed: int, consensus: str) -> Outcomes:
    """Return what asking each task of a project comes to."""
    answers, (n, k) = made.answers(seed), made.probs.shape
    old, new, each = initial_counts(made.old, k), np.zeros((n, k), dtype=np.int64), np.arange(n)
    wrong = float((made.old != made.truth).mean())
    right = (
        made.distributions[each, made.truth] if made.recorded is None else made.truth == answers.T
    )
    prior, error = denoised(made.probs, wrong), 1 - float(np.mean(right))
    rates, weight = Rates(np.full(k, wrong), wrong, error), vote_weight(error, k)
    people, changed = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    # Who gets no verdict, or never settles, has been asked as often as there are people.
    people_votes, votes = (np.full(n, answers.shape[1]) for _ in range(2))
    judged, settled = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for nth in range(answers.shape[1]):
        new[each, answers[:, nth]] += 1
        verdict = ~judged & (new[each, answers[:, nth]] == 2)
        people[verdict] = (answers[:, nth] != made.old)[verdict]
        people_votes[verdict], judged = nth + 1, judged | verdict
        if consensus == "majority":
            decided = majority(old + new, max_votes=ANSWERS + 1)
        else:
            q = beliefs(prior, old, new * weight, rates)
            number = np.full(n, nth + 1)
            decided = settle(
                q, old, new, confidence=0.95, answers=number + 1, max_votes=ANSWERS + 1
            )
        now = ~settled & (decided.states == State.SETTLED)
        changed[now] = (decided.labels != made.old)[now]
        votes[now], settled = nth + 1, settled | now
    return Outcomes(people, people_votes, changed, votes)


def rates(materials: dict[str, Material], args: argparse.Namespace) -> Iterator[str]:
    """Cover the noise rate at all looks, and compare its width with one at a fixed look."""
    yield RATES
    head = ["data set", "tasks", "share", "intervals", "all looks hold, projects"]
    yield from heading([*head, "all looks hold, orders", "width at 20", "at 50", "at 200"])
    for name, made in materials.items():
        for how in ("with the model", "audit alone"):
            yield table_row(rate_cells(name, made, how, args))
    yield ""


def rate_cells(name: str, made: Material, how: str, args: argparse.Namespace) -> list[str]:
    """Return one line of the table of `rates`."""
    held, wider, surely = [], [], []
    doubts, tasks = made.doubts, len(made.old)
    crowds = [outcomes(made, seed, "majority").people for seed in range(FIRST, FIRST + CROWDS)]
    for seed in range(FIRST, FIRST + args.orders):
        wrong = crowds[seed % CROWDS]
        order = np.random.default_rng([12, seed]).permutation(tasks)[:LOOKS]
        left = doubts.sum() - np.cumsum(doubts[order]) + doubts[order]
        rest = left / (tasks - np.arange(len(order)))
        audited = Audited(wrong[order], doubts[order], rest, tasks)
        audited = audited if how == "with the model" else audited.without_model()
        surely.append(is_covered(audited, int(wrong.sum())))
        if seed < FIRST + args.projects:
            columns = (audited.wrong, audited.doubts, audited.rest)
            looks = noise_rate_looks(Audited(*(c[:WIDTHS] for c in columns), tasks))
            held.append(bool(((looks.low <= wrong.mean()) & (wrong.mean() <= looks.high)).all()))
            fixed = [audited_noise_rate(audited.wrong[:n]) for n in (20, 50, 200)]
            alone = np.array([one.high - one.low for one in fixed])
            wider.append((looks.high - looks.low)[[19, 49, 199]] / alone)
    middle = [f"{ratio:.2f}" for ratio in np.median(wider, axis=0)]
    first = [name, f"{tasks:,}", f"{wrong.mean():.3f}", how]
    return [*first, with_bounds(held), with_bounds(surely), *middle]


def is_covered(audited: Audited, total: int) -> bool:
    """Return whether the true number is never refuted: what `noise_rate_looks` tries for all."""
    won = [
        log_wealth(audited, np.array([total]), against_more=more).max() for more in (True, False)
    ]
    return bool(max(won) < np.log(2 / 0.05))


def stops(materials: dict[str, Material], args: argparse.Namespace) -> Iterator[str]:
    """Say when it is first said that 90 % are found, and whether that is so."""
    yield STOPS
    head = ["data set", "consensus", "said before 99.5 %", "said wrongly", "votes"]
    head += ["votes to ask all", "audited", "of these offered", "found", "of people's"]
    yield from heading([*head, "of the truth's"])
    for consensus in CONSENSUS:
        for name, made in materials.items():
            seeds = range(FIRST, FIRST + args.projects)
            plays = (Play(made, outcomes(made, seed, consensus), seed) for seed in seeds)
            yield table_row([name, consensus, *stop_cells([play.run() for play in plays])])
    yield ""


def stop_cells(endings: list[Ending]) -> list[str]:
    """Return the figures of one line of `stops`."""
    early = [ending for ending in endings if ending.found < 0.995]
    wrongly = [ending.found < 0.9 for ending in endings]
    cells = [with_bounds([ending.found < 0.995 for ending in endings]), with_bounds(wrongly)]
    counts = ("votes", "to_ask_all", "audited", "offered")
    shares = ("found", "of_people", "of_truth")
    if not early:
        return [*cells, *["-"] * 7]
    middle = {key: float(np.median([getattr(e, key) for e in early])) for key in counts + shares}
    numbers = [f"{middle[key]:,.0f}" for key in counts]
    return [*cells, *numbers, *[f"{middle[key]:.3f}" for key in shares]]


class Play:
    """One project, task after task."""

    def __init__(self, made: Material, comes: Outcomes, seed: int) -> None:
        """comes: of `outcomes`; seed: of the audit's order."""
        self.made, self.comes = made, comes
        counts = initial_counts(made.old, made.probs.shape[1])
        score = SCORES["tiered_phi"](counts, made.probs)
        self.queue = iter(np.argsort(-score, kind="stable").tolist())
        self.order = np.random.default_rng([13, seed]).permutation(len(score))
        self.settled = np.zeros(len(score), dtype=bool)
        self.judged = np.zeros(len(score), dtype=bool)
        self.place = self.votes = self.audit_votes = self.offered = self.found = 0
        self.drawn: list[tuple[bool, int, int]] = []

    def run(self) -> Ending:
        """Go on until it is said that enough is found."""
        step, looked = len(self.settled) / 50, 0
        while not self.settled.all():
            self.ask()
            if self.votes // step > looked and self.drawn:
                statement = self.statement()
                if OFFER * statement.needed <= (~self.settled).sum():
                    statement = self.accept(statement)
                looked = int(self.votes // step)
                if statement.is_said:
                    break
        of = self.settled & self.comes.changed
        wrong = self.made.old != self.made.truth
        return Ending(
            votes=self.votes,
            audited=len(self.drawn),
            offered=self.offered,
            to_ask_all=self.votes + int(self.comes.votes[~self.settled].sum()),
            found=self.found / int(self.comes.changed.sum()),
            of_people=float(of[self.comes.people].mean()),
            of_truth=float(of[wrong].mean()),
        )

    def ask(self) -> None:
        """Ask the audit's next task if it is due, else the queue's."""
        haste = HASTE if self.place < EARLY else 1
        if self.audit_votes < AUDIT_SHARE * haste * self.votes and self.place < len(self.order):
            task = int(self.order[self.place])
            self.place += 1
            self.audit_votes += self.audit(task)
            return
        task = next(self.queue)
        while self.settled[task]:
            task = next(self.queue)
        self.votes += int(self.comes.votes[task])
        self.settle(task)

    def audit(self, task: int) -> int:
        """Ask until two people agree and return how many votes that took."""
        if self.judged[task]:
            return 0
        self.judged[task] = True
        given = int(self.comes.votes[task]) if self.settled[task] else 0
        if not self.settled[task]:
            left = int((~self.settled).sum())
            self.drawn.append((bool(self.comes.changed[task]), left, self.found))
            self.settle(task)
        votes = max(int(max(self.comes.people_votes[task], self.comes.votes[task])) - given, 0)
        self.votes += votes
        return votes

    def settle(self, task: int) -> None:
        """Take note that a task has been asked."""
        self.settled[task] = True
        self.found += int(self.comes.changed[task])

    def statement(self) -> Stop:
        """Return what may be said now."""
        drawn = Drawn(*(np.array(column) for column in zip(*self.drawn, strict=True)))
        return stop_statement(drawn, int((~self.settled).sum()), self.found)

    def accept(self, statement: Stop) -> Stop:
        """Audit the tasks that are offered, until one is wrong, and look again."""
        tasks = [task for task in self.order.tolist() if not self.settled[task]]
        for task in tasks[: statement.needed]:
            self.audit(task)
            self.offered += 1
            if self.comes.changed[task]:
                break
        return self.statement()


def with_bounds(values: list[bool]) -> str:
    """Return the share of true values, and Clopper and Pearson's 95 % interval of it."""
    n, true = len(values), sum(values)
    low = float(beta.ppf(0.025, true, n - true + 1)) if true else 0.0
    high = float(beta.ppf(0.975, true + 1, n - true)) if true < n else 1.0
    return f"{true / n:.3f} ({low:.3f} to {high:.3f})"


def heading(cells: list[str]) -> Iterator[str]:
    """Yield the first two lines of a table."""
    yield table_row(cells)
    yield "|---" * len(cells) + "|"


def table_row(cells: list[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
