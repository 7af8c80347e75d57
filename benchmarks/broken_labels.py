"""Why right labels are broken on CIFAR-10H: every image asked until it is settled.

    python benchmarks/broken_labels.py [--data FOLDER] [--seeds 3]

15 % wrong, posteriors of `linear` on the provided vectors, rates told. A label is broken that was
right at first and is wrong when its image is settled, as a share of those right at first; by one =
those that one person and the model settled; ambiguous = of the broken ones those on images on which
fewer than four in five people agree. Votes are divided by those at a confidence of .95 with true
rates. Seeds from 0 on; figures of benchmarks/votes.py are of others. Writes
results/broken_labels.md.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.posterior import Rates, beliefs, denoised, settle, vote_weight
from relabel.numerics.diversity.spread import Surroundings
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.rankings import selector_of
from relabel.simulation.data.noise_models import draw, make_noise
from relabel.simulation.data.sources import load_dataset
from relabel.types import FloatArray, IntArray, State

OUT = Path(__file__).resolve().parent / "results" / "broken_labels.md"
WRONG, CAP = 0.15, 10
CLEAR = 0.8
CASES: dict[str, tuple[float, dict[str, float]]] = {
    "true rates, confidence .95": (0.95, {}),
    "confidence .97": (0.97, {}),
    "confidence .98": (0.98, {}),
    "confidence .99": (0.99, {}),
    "people believed to err .036": (0.95, {"people": 0.036}),
    "people believed to err .06": (0.95, {"people": 0.06}),
    "people believed to err .08": (0.95, {"people": 0.08}),
    "people believed to err .10": (0.95, {"people": 0.10}),
    "old labels believed wrong .22": (0.95, {"old": 0.22}),
    "old labels believed wrong .08": (0.95, {"old": 0.08}),
}
HEAD = """# Why right labels are broken

    python benchmarks/broken_labels.py --seeds {seeds}

CIFAR-10H, 15 % wrong, every image asked until it is settled, rates told. Broken: of the labels that
were right at first.

| | broken | of these by one person and the model | of these on ambiguous images | votes |
|---|---|---|---|---|
"""


class Project:
    """One seed's old labels, posteriors and answers."""

    def __init__(self, folder: Path, seed: int) -> None:
        data = load_dataset("cifar10h", folder)
        self.people = data.distributions
        self.truth: IntArray = self.people.argmax(1)
        k = self.people.shape[1]
        self.old = make_noise("temperature", data, np.random.default_rng(seed), rate=WRONG)
        select = selector_of("linear", data, Surroundings(data.features, seed), seed)
        self.probs = select(initial_counts(self.old, k), self.old).posteriors.probs.astype(float)
        rng = np.random.default_rng([seed, 1])
        self.answers = np.stack([draw(self.people, rng) for _ in range(CAP)], axis=1)
        wrong = float((self.old != self.truth).mean())
        errs = float(1 - self.people[np.arange(len(self.old)), self.truth].mean())
        self.rates = Rates(np.full(k, wrong), wrong, errs)

    def ends(self, confidence: float | None, believed: dict[str, float]) -> FloatArray:
        """Return (N, 2) the label with which each image is settled, and its votes.

        confidence: None = a strict majority of people.
        """
        k = self.people.shape[1]
        old, rates = initial_counts(self.old, k), self.rates
        if "old" in believed:
            rates = replace(rates, old=np.full(k, believed["old"]), trained=believed["old"])
        people = believed.get("people", rates.people)
        prior, weight = denoised(self.probs, rates.trained), vote_weight(people, k)
        new = np.zeros_like(old)
        ends = np.column_stack([self.old, np.full(len(old), CAP)])
        left = np.arange(len(old))
        for votes in range(1, CAP):
            np.add.at(new, (left, self.answers[left, votes]), 1)
            mine, counts = new[left], old[left] + new[left]
            if confidence is None:
                found = majority(counts, max_votes=10**6)
            else:
                q = beliefs(prior[left], old[left], mine * weight, rates)
                found = settle(
                    q,
                    old[left],
                    mine,
                    confidence=confidence,
                    answers=counts.sum(1),
                    max_votes=10**6,
                )
            done = found.states == State.SETTLED
            ends[left[done]] = np.column_stack([found.labels[done], np.full(done.sum(), votes)])
            left = left[~done]
        return ends

    def figures(self, ends: FloatArray) -> list[float]:
        """Return the share broken, of these by one vote and on ambiguous images, and all votes."""
        right = self.old == self.truth
        broken = right & (ends[:, 0] != self.truth)
        ambiguous = self.people.max(1) < CLEAR
        of_these = max(broken.sum(), 1)
        return [
            float(broken.sum() / right.sum()),
            float((broken & (ends[:, 1] == 1)).sum() / of_these),
            float((broken & ambiguous).sum() / of_these),
            float(ends[:, 1].sum()),
        ]


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    if not (args.data / "cifar10h_test.npz").exists():
        sys.exit(f"Skipped: no CIFAR-10H in {args.data}.")
    projects = [Project(args.data, seed) for seed in range(args.seeds)]
    cases: dict[str, tuple[float | None, dict[str, float]]] = {
        "strict majority": (None, {}),
        **CASES,
    }
    found = {
        name: np.mean([p.figures(p.ends(*case)) for p in projects], axis=0)
        for name, case in cases.items()
    }
    usual = found["true rates, confidence .95"][3]
    lines = [
        f"| {name} | {broken:.2%} | {one:.0%} | {ambiguous:.0%} | {votes / usual:.2f} |"
        for name, (broken, one, ambiguous, votes) in found.items()
    ]
    OUT.write_text(HEAD.format(seeds=args.seeds) + "\n".join(lines) + "\n")
    print(OUT.read_text())


if __name__ == "__main__":
    main()
