"""Whether `relabel forecast` tells what a simulated project then really needs, and how surely.

    python benchmarks/forecasts.py [--data FOLDER] [--sets digits,cifar10h] [--projects 60]

A project: 1,500 tasks of a data set, first labels drawn anew, posteriors of `linear` learnt from
them once, an audit of 5 % of the votes, rates learnt from it. After 200 votes it is asked how many
more votes bring `target` of the labels right by the data set's truth, and what the next 100 change;
then `run_project` goes on. Projects are numbered from 2000 on: by those before 20, and by a look at
nine of each set from 1000 on, the prior of the forecast was chosen. Rows are kept in .cache/, what
stands there is not run again. Writes results/forecasts.md.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign.audit import Audit
from relabel.simulation.campaign.judge import Terms
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.orders import OrderedQueue
from relabel.simulation.campaign.people import Annotators, make_annotators
from relabel.simulation.campaign.project import run_project
from relabel.simulation.campaign.rankings import selector_of
from relabel.simulation.campaign.votelog import VoteLog, replay
from relabel.simulation.data.encoding import with_features
from relabel.simulation.data.noise_models import make_noise, symmetric_matrix
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.forecast import AHEAD, Forecast, Pilot, Range, forecast
from relabel.simulation.measure.curves import accounts_of, curve_of
from relabel.simulation.rest import Start, paces, play
from relabel.types import FloatArray, IntArray
from scipy.stats import beta

HERE = Path(__file__).resolve().parent
OUT = HERE / "results" / "forecasts.md"
CACHE = HERE / ".cache"
TASKS, FIRST, PEOPLE, ANSWERS = 1500, 2000, 0.05, 9
PILOTS = (200,)
SHARE = 0.05
SETS = {
    "digits": ("digits", "instance", 0.15, 0.98),
    "cifar10h": ("cifar10h", "temperature", 0.15, 0.96),
    "cifar10n": ("cifar10n_people", "given", None, 0.90),
    "fashion_mnist": ("fashion_mnist", "instance", 0.15, 0.98),
}
TERMS = {name: Terms(10**5, name, audit_share=SHARE) for name in ("majority", "posterior")}
NEVER = float("inf")


@dataclass(frozen=True)
class Project:
    """One project: old labels (N,), truth, posteriors and people."""

    old: IntArray
    truth: IntArray
    probs: FloatArray
    people: Annotators
    answers: int
    seed: int

    @property
    def score(self) -> FloatArray:
        """(N,) tiered phi before the first vote."""
        return SCORES["tiered_phi"](initial_counts(self.old, self.probs.shape[1]), self.probs)


def main() -> None:
    """Play the projects that are missing and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--projects", type=int, default=60)
    parser.add_argument("--first", type=int, default=FIRST)
    args = parser.parse_args()
    numbers = range(args.first, args.first + args.projects)
    CACHE.mkdir(exist_ok=True)
    for number in numbers:
        for name in args.sets.split(","):
            done = {row["project"] for row in rows_of(name)}
            if number not in done:
                found = play_project(name, args.data, number)
                with rows_file(name).open("a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in found)
    text = report(
        {name: [r for r in rows_of(name) if r["project"] in numbers] for name in SETS},
        args.projects,
    )
    print(text)
    OUT.write_text(text)


def rows_file(name: str) -> Path:
    """Return where the rows of a data set are kept."""
    return CACHE / f"forecasts_{name}.jsonl"


def rows_of(name: str) -> list[dict[str, Any]]:
    """Return what was measured before."""
    path = rows_file(name)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def make_project(name: str, folder: Path, number: int) -> Project:
    """Draw tasks and first labels, and let the model learn them."""
    source, noise, rate, _ = SETS[name]
    data = load_dataset(source, folder)
    rows = np.random.default_rng([number, 1]).permutation(len(data))[:TASKS]
    data = with_features(data, "tiny", CACHE / "embeddings", max_pixels=10**8)
    data = data.rows(np.sort(rows))
    old = make_noise(noise, data, np.random.default_rng([number, 2]), rate=rate)
    select = selector_of("linear", data, Surroundings(data.features, number), number, given=old)
    k = len(data.classes)
    probs = select(initial_counts(old, k), old).posteriors.probs.astype(np.float64)
    said = data.distributions
    if data.answers is None and (said.max(1) == 1).all():
        said = said @ symmetric_matrix(k, PEOPLE)
    people = make_annotators(said, None, number, data.answers)
    answers = ANSWERS if data.answers is None else data.answers.shape[1]
    return Project(old, data.truth, probs, people, answers, number)


def play_project(name: str, folder: Path, number: int) -> list[dict[str, Any]]:
    """Return one row for each consensus and pilot."""
    project, target, rows = make_project(name, folder, number), SETS[name][3], []
    order = np.argsort(-project.score, kind="stable")
    k = project.probs.shape[1]
    for consensus, terms in TERMS.items():
        log = run_project(
            project.old,
            k,
            lambda *_: project.probs,
            lambda _counts, _labels, pool: OrderedQueue(order[pool[order]]),
            project.people,
            terms,
            seed=number,
        )
        counts = initial_counts(project.old, k)
        curve = curve_of(accounts_of(log, counts, terms).exported, project.truth, project.old)
        reached = curve.votes_to(target)
        for votes in PILOTS:
            pilot = pilot_of(project, terms, log, votes)
            found = forecast(pilot, target=target, seed=number)
            row = {
                "project": number,
                "consensus": consensus,
                "pilot": votes,
                "needed": None if reached is None else max(reached - votes, 0),
                "changed": changed(project.old, log, votes),
                "fewer": really_fewer(project, pilot, target, found),
                "wrong": float((project.old != project.truth).mean()),
            }
            for key in ("votes", "found", "noise_rate"):
                one: Range = getattr(found, key)
                row[f"told_{key}"] = [one.low, one.value, one.high]
            row["told_fewer"] = [found.fewer.low, found.fewer.value, found.fewer.high]
            rows.append(row)
    return rows


def pilot_of(project: Project, terms: Terms, log: VoteLog, votes: int) -> Pilot:
    """Return the project after so many votes."""
    head, n, k = log.head(votes), len(project.old), project.probs.shape[1]
    new = replay(head, np.zeros((n, k), dtype=np.int64))
    settled = np.zeros(n, dtype=bool)
    settled[head.tasks] = head.settled
    said: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for task, label, person in zip(head.tasks, head.labels, head.annotators, strict=True):
        said[task].append((label, person))
    spent = new.sum(1) >= project.answers
    audit = Audit(project.old, k, terms.audit_share, project.seed, terms.max_votes)
    audit.next(votes, new, spent)
    audited = np.zeros(n, dtype=bool)
    audited[audit.done] = True
    labels = shown(project.old, head)
    rates = audit.rates(new, said)
    start = Start(project.old, new, labels, settled | spent, project.probs, rates, project.score)
    return Pilot(start, terms, votes, audited, project.answers)


def shown(old: IntArray, head: VoteLog) -> IntArray:
    """Return the (N,) labels after the votes."""
    labels = old.copy()
    labels[head.tasks] = head.shown
    return labels


def changed(old: IntArray, log: VoteLog, votes: int) -> int:
    """Return how many more labels differ from the old ones after the next votes."""
    now, then = shown(old, log.head(votes)), shown(old, log.head(votes + AHEAD))
    return int((then != old).sum()) - int((now != old).sum())


def really_fewer(project: Project, pilot: Pilot, target: float, found: Forecast) -> float | None:
    """Return the votes that the other consensus saves from now on, by people's real answers."""
    start = pilot.start
    asked, n = start.new.sum(1), len(project.old)
    answers = np.zeros((n, project.answers), dtype=np.int64)
    for task in np.flatnonzero(~start.closed).tolist():
        for nth in range(int(asked[task]), project.answers):
            answers[task, nth - asked[task]] = project.people(task, nth)[0]
    queue, _ = paces(pilot.spent, SHARE, 4 * n)
    needed = int(np.ceil(target * n - 1e-9)) - int((start.labels == project.truth).sum())
    nobody = np.full(n, NEVER)
    ours, theirs = (
        play(start, replace(pilot.terms, consensus=name), answers, nobody, queue).votes_to(
            needed, project.truth
        )
        for name in (pilot.terms.consensus, found.other)
    )
    return ours - theirs if max(ours, theirs) < NEVER else None


def report(rows: dict[str, list[dict[str, Any]]], projects: int) -> str:
    """Return the tables."""
    heads = (
        "data set", "target", "consensus", "pilot", "projects", "needed",
        "80 % interval holds", "median error", "of all votes", "width", "forecast / needed",
        "next 100: holds", "median error", "wrong labels: holds",
        "saved by the other: told", "really", "holds",
    )  # fmt: skip
    lines = [
        "# Forecasts",
        "",
        f"    python benchmarks/forecasts.py --projects {projects}",
        "",
        EXPLAINED,
    ]
    lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, mine in rows.items():
        for consensus in TERMS:
            for votes in PILOTS:
                some = [r for r in mine if (r["consensus"], r["pilot"]) == (consensus, votes)]
                if some:
                    cells = [name, f"{SETS[name][3]:.2f}", consensus, str(votes), *cells_of(some)]
                    lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


EXPLAINED = """\
Projects of 1,500 tasks. Needed: median of the votes from the pilot on. In brackets a 95 % interval
of the share that holds. Errors: |forecast - needed| / needed, and divided by all votes, those of
the pilot included; medians over projects. Width: of the interval, divided by the forecast. Saved:
medians, where both reach the target.
"""


def cells_of(some: list[dict[str, Any]]) -> list[str]:
    """Return the figures of one line."""
    needed = np.array([NEVER if r["needed"] is None else r["needed"] for r in some])
    low, told, high = np.array(
        [[NEVER if v is None else v for v in r["told_votes"]] for r in some]
    ).T
    both = np.isfinite(needed) & np.isfinite(told)
    error = np.where(np.isinf(needed) & np.isinf(told), 0.0, NEVER)
    error[both] = np.abs(told - needed)[both] / np.maximum(needed[both], 1)
    of_all = np.where(error == 0, 0.0, NEVER)
    of_all[both] = np.abs(told - needed)[both] / (needed[both] + some[0]["pilot"])
    width = np.where(np.isfinite(high), high, NEVER)[both] - low[both]
    ratio = told[both] / np.maximum(needed[both], 1)
    changed_, wrong = np.array([[r["changed"], r["wrong"]] for r in some]).T
    next_ones = np.array([r["told_found"] for r in some], dtype=float)
    noise = np.array([r["told_noise_rate"] for r in some], dtype=float)
    off = np.abs(next_ones[:, 1] - changed_) / np.maximum(changed_, 1)
    saved = [r for r in some if r["fewer"] is not None and None not in r["told_fewer"]]
    fewer = np.array([[*r["told_fewer"], r["fewer"]] for r in saved], dtype=float).reshape(-1, 4)
    return [
        str(len(some)),
        number(np.median(needed)),
        holds((low <= needed) & (needed <= high)),
        f"{np.median(error):.2f}",
        f"{np.median(of_all):.2f}",
        f"{np.median(width / np.maximum(told[both], 1)):.2f}",
        f"{np.median(ratio):.2f}",
        holds((next_ones[:, 0] <= changed_) & (changed_ <= next_ones[:, 2])),
        f"{np.median(off):.2f}",
        holds((noise[:, 0] <= wrong) & (wrong <= noise[:, 2])),
        number(np.median(fewer[:, 1])) if len(fewer) else "-",
        number(np.median(fewer[:, 3])) if len(fewer) else "-",
        holds((fewer[:, 0] <= fewer[:, 3]) & (fewer[:, 3] <= fewer[:, 2])) if len(fewer) else "-",
    ]


def number(value: float) -> str:
    """Return a number of votes; never where it is infinite."""
    return f"{value:,.0f}" if np.isfinite(value) else "never"


def holds(values: np.typing.NDArray[np.bool_]) -> str:
    """Return the share of true values, and Clopper and Pearson's 95 % interval of it."""
    n, true = len(values), int(values.sum())
    low = float(beta.ppf(0.025, true, n - true + 1)) if true else 0.0
    high = float(beta.ppf(0.975, true + 1, n - true)) if true < n else 1.0
    return f"{true / n:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
