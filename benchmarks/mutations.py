"""Does a wrong sign or a missing term in any formula make a test fail?

Every mutation below is made in a copy of the package, and the fast tests of its module are run on
that copy. Prints one line per mutation and killed / total; exits 1 if one survives.

    python benchmarks/mutations.py [--only TEXT]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "backend" / "relabel"
UNIT, LAWS = "tests/unit/numerics/test_", "tests/properties/test_numerics_"

TESTS = {
    "posteriors.py": [UNIT + "scoring.py", LAWS + "scores.py"],
    "scoring.py": [UNIT + "scoring.py", LAWS + "scores.py"],
    "expected_votes.py": [UNIT + "expected_votes.py", LAWS + "consensus.py"],
    "consensus/majority.py": [UNIT + "majority.py", LAWS + "consensus.py"],
    "consensus/dawid_skene.py": [UNIT + "dawid_skene.py", LAWS + "consensus.py"],
    "consensus/crowdlab.py": [UNIT + "crowdlab.py"],
    "consensus/agreement.py": [UNIT + "agreement.py"],
    "ranking.py": [UNIT + "ranking.py", LAWS + "ranking.py"],
    "diffusion.py": [UNIT + "diffusion.py", LAWS + "diffusion.py"],
    "diffusion_modes.py": [UNIT + "diffusion.py", LAWS + "diffusion.py"],
    "diversity.py": [UNIT + "diversity.py", LAWS + "ranking.py"],
    "knn.py": [UNIT + "knn.py"],
    "calibration.py": [UNIT + "calibration.py"],
    "estimates.py": [UNIT + "estimates.py", LAWS + "consensus.py"],
    "yields.py": [UNIT + "yields.py"],
}

MUTATIONS = [
    (
        "posteriors.py",
        'np.asarray(0.0 - np.einsum("nk,nk->n", q',
        'np.asarray(np.einsum("nk,nk->n", q',
    ),
    ("posteriors.py", 'np.asarray(0.0 - np.einsum("...k', 'np.asarray(np.einsum("...k'),
    ("posteriors.py", "np.clip(p, LOG_FLOOR, 1.0)", "np.clip(p + LOG_FLOOR, LOG_FLOOR, 2.0)"),
    ("posteriors.py", "counts / np.maximum(totals, 1)[:, None]", "counts * 1.0"),
    ("posteriors.py", "each.mean(0)", "each[0]"),
    ("posteriors.py", "checked / sums[..., None]", "checked"),
    ("scoring.py", "p - q, logarithm(p)", "p + q, logarithm(p)"),
    ("scoring.py", "p - q, logarithm(p)", "-q, logarithm(p)"),
    ("scoring.py", "entropy(p) / base - gamma", "entropy(p) / base"),
    ("scoring.py", "/ base - np.maximum", "/ base + np.maximum"),
    ("scoring.py", "cross_entropy(q, p) + entropy(p)", "cross_entropy(q, p) - entropy(p)"),
    ("scoring.py", "label_loss - entropy(p) + np.log", "label_loss + entropy(p) + np.log"),
    ("scoring.py", "+ CE_CAP + 1", ""),
    ("scoring.py", "p.argmax(1) != counts.argmax(1)", "p.argmax(1) == counts.argmax(1)"),
    ("scoring.py", "two[:, 0] - two[:, 1]", "two[:, 1] - two[:, 0]"),
    ("scoring.py", "entropy(each.mean(0)) - entropy(each).mean(0)", "entropy(each.mean(0))"),
    ("scoring.py", "others.max(1) - _of_label", "others.max(1) + _of_label"),
    (
        "scoring.py",
        "(1 - _of_label(counts, p)) / expected",
        "(1 - _of_label(counts, p)) * expected",
    ),
    ("scoring.py", "quality * (votes + 1)", "quality * votes"),
    ("scoring.py", "+ 1 / p.shape[1]) / (votes + 2)", ") / (votes + 2)"),
    ("scoring.py", "np.maximum(agreeing - 1, 0)", "agreeing"),
    ("scoring.py", "lowest - 2 + entropy", "lowest + 2 + entropy"),
    ("expected_votes.py", "m * column * polynomials", "column * polynomials"),
    ("expected_votes.py", "1 + _distinct_draws", "_distinct_draws"),
    ("expected_votes.py", "counts == top - 1", "counts == top"),
    ("expected_votes.py", "9 * math.sqrt(longest)", "math.sqrt(longest)"),
    ("consensus/majority.py", "~several & (total >= 2)", "~several & (total >= 1)"),
    ("consensus/majority.py", "several & (total >= 2)", "several & (total >= 3)"),
    ("consensus/majority.py", "total + abstained >= max_votes", "total >= max_votes"),
    ("consensus/majority.py", "abstained >= ABSTAIN_LIMIT", "abstained > ABSTAIN_LIMIT"),
    ("consensus/majority.py", "np.where(top, probs, -1.0)", "probs"),
    ("consensus/dawid_skene.py", "counted + smoothing", "counted + 1e-9"),
    ("consensus/dawid_skene.py", " + np.log(np.maximum(prior, 1e-300))", ""),
    ("consensus/dawid_skene.py", "(1 - right) / (classes - 1)", "(1 - right) / classes"),
    ("consensus/dawid_skene.py", "logs - largest", "logs"),
    ("consensus/crowdlab.py", "return -score", "return score"),
    ("consensus/agreement.py", "several.sum(1) - 1, 1)", "several.sum(1), 1)"),
    ("consensus/agreement.py", "(observed - chance) / (1 - chance)", "observed - chance"),
    (
        "consensus/agreement.py",
        "counts[given.tasks, given.labels] - 1",
        "counts[given.tasks, given.labels]",
    ),
    ("ranking.py", "tier + score / (1 + np.abs(score))", "tier - score / (1 + np.abs(score))"),
    ("ranking.py", "(total > initial_votes) & ~finished", "total > initial_votes"),
    ("ranking.py", "np.unique(-inside", "np.unique(inside"),
    ("ranking.py", "low[before] + share *", "low[before] - share *"),
    ("ranking.py", "width * (place + 0.5)", "width * 0.5"),
    ("diffusion.py", "field *= 1 - delta", "field *= 1 + delta"),
    ("diffusion.py", "1 / np.where(alone, 1, degree)", "1 / np.sqrt(np.where(alone, 1, degree))"),
    ("diffusion.py", "    if clamped is not None:\n        after[clamped] = 0\n", ""),
    ("diffusion.py", "sp.diags_array(alone.", "0 * sp.diags_array(alone."),
    ("diffusion_modes.py", "before - removed", "before + removed"),
    ("diffusion_modes.py", "(strength * current[best])", "current[best]"),
    ("diffusion_modes.py", "        mass[0] = 1\n        gained", "        gained"),
    ("diffusion_modes.py", "values[picks[:i]] = -1", "pass"),
    (
        "diffusion_modes.py",
        "picks[: i + 1] if clamp_all else",
        "picks[i : i + 1] if clamp_all else",
    ),
    ("diffusion_modes.py", "field[order[window]] >= current[best]", "field[order[window]] > 9e9"),
    ("diffusion_modes.py", "argsort(contribution[order]", "argsort(-contribution[order]"),
    ("diversity.py", "norms - 2 * points @ centre", "norms + 2 * points @ centre"),
    ("diversity.py", "distance.argmax()", "distance.argmin()"),
    ("diversity.py", "np.argsort(turn, kind", "np.argsort(-turn, kind"),
    ("knn.py", "np.exp(-neighbours", "np.exp(neighbours"),
    ("knn.py", "directed.maximum(directed.T)", "directed.minimum(directed.T)"),
    ("knn.py", "mean**2", "mean"),
    ("knn.py", "- 2 * points @ points.T", "- points @ points.T"),
    ("knn.py", "np.argsort(found == rows[:, None]", "np.argsort(found != rows[:, None]"),
    ("knn.py", "if measured < recall:", "if measured < 0:"),
    ("calibration.py", "np.exp(-log_temperature)", "np.exp(log_temperature)"),
    ("calibration.py", "/ temperature\n", "* temperature\n"),
    ("calibration.py", "- aligned * inverse", "+ aligned * inverse"),
    ("calibration.py", "np.abs(accuracy - sure)", "(accuracy - sure)"),
    ("estimates.py", "p >= thresholds - 1e-6", "p >= 0.5"),
    (
        "estimates.py",
        "joint, (true[counted], labels[counted])",
        "joint, (labels[counted], true[counted])",
    ),
    ("estimates.py", "joint * (sizes / np.maximum(confident, 1))", "joint * 1.0"),
    (
        "estimates.py",
        "float(everyone.mean() - seen.mean())",
        "float(seen.mean() - everyone.mean())",
    ),
    ("estimates.py", "unseen = 1 - m / len(everyone)", "unseen = 1.0"),
    ("estimates.py", "min(left, 1.0)", "1.0"),
    ("estimates.py", "found + 0.5, m - found + 0.5, tail", "found + 1.0, m - found + 1.0, tail"),
    ("yields.py", "precision @ (beta - PRIOR_MEAN)", "precision @ beta"),
    ("yields.py", "(votes - before) / votes_each", "votes / votes_each"),
    ("yields.py", "p * (1 - p)).sum(1))", "p).sum(1))"),
    (
        "yields.py",
        "drawn = rng.multivariate_normal(model.coefficients, model.covariance",
        "drawn = rng.multivariate_normal(model.coefficients, 0 * model.covariance",
    ),
    ("yields.py", "at_most < noise_left.low", "at_most > noise_left.low"),
    ("yields.py", "predicted.high < least_yield", "predicted.value < least_yield"),
]


def survives(mutation: tuple[str, str, str]) -> bool:
    """Make one mutation in a copy of the package and run its tests; True if all pass."""
    module, old, new = mutation
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(PACKAGE, Path(folder) / "relabel")
        path = Path(folder) / "relabel" / "numerics" / module
        text = path.read_text()
        if text.count(old) < 1:
            raise SystemExit(f"{module} no longer contains {old!r}: bring this list up to date.")
        path.write_text(text.replace(old, new, 1))
        command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider"]
        command += ["--hypothesis-seed=0", *TESTS[module]]
        environment = os.environ | {"PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout.decode()[-2000:])
    return done.returncode == 0


def main() -> None:
    """Run every mutation whose line contains the text, and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="only mutations that contain this text")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    arguments = parser.parse_args()
    chosen = [m for m in MUTATIONS if arguments.only in " ".join(m)]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        alive = []
        for mutation, survived in zip(chosen, pool.map(survives, chosen), strict=True):
            module, old, new = mutation
            print(
                f"{'SURVIVED' if survived else 'killed':9} {module}: {old!r} -> {new!r}", flush=True
            )
            alive += [mutation] if survived else []
    print(f"killed {len(chosen) - len(alive)} of {len(chosen)}")
    raise SystemExit(bool(alive))


if __name__ == "__main__":
    main()
