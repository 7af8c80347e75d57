"""Does a wrong sign or a missing term in any formula make a test fail?

Every mutation below is made in a copy of the package, and the fast tests of its module are run on
that copy. Prints one line per mutation and killed / total; exits 1 if one survives.

    python benchmarks/mutations.py [--only TEXT]
"""

import argparse
import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

# Imported once, before forking: they cost more than most of the tests.
import cleanlab.multiannotator  # noqa: F401
import faiss  # noqa: F401
import hypothesis.strategies  # noqa: F401
import pytest
import scipy.optimize
import scipy.sparse.csgraph  # noqa: F401
import sklearn.metrics  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "backend" / "relabel"
LAWS = "tests/properties/test_numerics_"


def unit(module: str) -> str:
    """Return the unit tests of a module of numerics: they stand in a room of the same name."""
    room, _, name = module.rpartition("/")
    return str(Path("tests/unit/numerics", room, f"test_{name}"))


TESTS = {
    "posteriors.py": [unit("scoring.py"), LAWS + "scores.py"],
    "scoring.py": [unit("scoring.py"), LAWS + "scores.py"],
    "labels.py": [unit("consensus/majority.py"), LAWS + "consensus.py", LAWS + "scores.py"],
    "expected_votes.py": [unit("expected_votes.py"), LAWS + "consensus.py"],
    "gain.py": [unit("gain.py"), LAWS + "posterior.py"],
    "consensus/posterior.py": [unit("consensus/posterior.py"), LAWS + "posterior.py"],
    "consensus/majority.py": [unit("consensus/majority.py"), LAWS + "consensus.py"],
    "consensus/agreement.py": [unit("consensus/agreement.py")],
    "ranking.py": [unit("ranking.py"), LAWS + "ranking.py"],
    "diversity/diffusion.py": [unit("diversity/diffusion.py"), LAWS + "diffusion.py"],
    "diversity/diffusion_modes.py": [unit("diversity/diffusion.py"), LAWS + "diffusion.py"],
    "diversity/cover.py": [unit("diversity/cover.py"), LAWS + "ranking.py"],
    "neighbours/knn.py": [unit("neighbours/knn.py")],
    "estimates/error_rates.py": [unit("estimates/error_rates.py")],
    "estimates/calibration.py": [unit("estimates/calibration.py")],
    "estimates/noise_rate.py": [unit("estimates/noise_rate.py"), LAWS + "consensus.py"],
}

MUTATIONS = [
    ("posteriors.py", '0.0 - np.einsum("nk,nk->n", q', 'np.einsum("nk,nk->n", q'),
    ("posteriors.py", '0.0 - np.einsum("...k', 'np.einsum("...k'),
    ("posteriors.py", "np.clip(p, LOG_FLOOR, 1.0)", "np.clip(p + LOG_FLOOR, LOG_FLOOR, 2.0)"),
    ("posteriors.py", "counts / np.maximum(totals, 1)[:, None]", "counts * 1.0"),
    ("posteriors.py", "each.mean(0)", "each[0]"),
    ("posteriors.py", "probs / row_sums(probs)[..., None]", "probs"),
    ("posteriors.py", "bad.any() or probs.min(initial=0) < 0", "bad.any()"),
    ("scoring.py", "p - normalise(votes), log", "p + normalise(votes), log"),
    ("scoring.py", "p - normalise(votes), log", "-normalise(votes), log"),
    ("scoring.py", "each.mean(tuple", "each.max(tuple"),
    ("scoring.py", "probs[..., rows, :] / sums[..., rows, None]", "probs[..., rows, :]"),
    ("scoring.py", "entropy(p) / base - gamma", "entropy(p) / base"),
    ("scoring.py", "loss - np.maximum", "loss + np.maximum"),
    ("scoring.py", "p + normalise(votes), log", "normalise(votes) - p, log"),
    ("scoring.py", "loss - doubt + shift", "loss + doubt + shift"),
    ("scoring.py", "+ CE_CAP + 1", ""),
    ("scoring.py", "among_likeliest(p, label), loss", "~among_likeliest(p, label), loss"),
    ("scoring.py", "np.nonzero(top_classes(tied))", "np.nonzero(tied)"),
    ("scoring.py", "leading(votes) if labels is None else labels", "leading(votes)"),
    ("scoring.py", "leading(votes) if labels is None else labels", "votes.argmax(1)"),
    ("scoring.py", "two[:, 0] - two[:, 1]", "two[:, 1] - two[:, 0]"),
    ("scoring.py", "entropy(each.mean(0)) - entropy(each).mean(0)", "entropy(each.mean(0))"),
    ("scoring.py", "others.max(1) - own", "others.max(1) + own"),
    ("scoring.py", "label)) / expected_votes(", "label)) * expected_votes("),
    ("scoring.py", "quality * (total + 1)", "quality * total"),
    ("scoring.py", "+ 1 / p.shape[1]) / (total + 2)", ") / (total + 2)"),
    ("scoring.py", "np.maximum(_own(votes, label) - 1, 0)", "_own(votes, label)"),
    ("scoring.py", "lowest - 2 + entropy", "lowest + 2 + entropy"),
    ("labels.py", "np.where(most > 0, label, -1)", "label"),
    ("labels.py", "label[mixed[top_classes(counts[mixed]).sum(1) > 1]] = -1", "pass"),
    ("labels.py", "counts == counts.max(1", "counts < counts.max(1"),
    ("labels.py", "            del waiting[row]\n", ""),
    ("labels.py", "so_far.get(vote, 0) + 1", "1"),
    ("labels.py", "p.max(1) - EQUAL", "p.max(1) + EQUAL"),
    ("labels.py", "np.where(several, -1, p.argmax(1))", "p.argmax(1)"),
    ("expected_votes.py", "m * column * polynomials", "column * polynomials"),
    ("expected_votes.py", "1 + _distinct_draws", "_distinct_draws"),
    ("expected_votes.py", "counts == top - 1", "counts == top"),
    ("expected_votes.py", "9 * math.sqrt(longest)", "math.sqrt(longest)"),
    ("gain.py", "others[shown, labels[shown]] = 0", "pass"),
    ("gain.py", "(most - own) +", ""),
    ("gain.py", "votes[level] += 1", "pass"),
    ("gain.py", "gain / votes", "gain"),
    ("gain.py", "+ mine * undecided - mine", "- mine"),
    ("gain.py", "(1 - error, own + 1, others)", "(1 - error, own, others)"),
    ("gain.py", "wrong * untouched", "wrong"),
    ("consensus/posterior.py", "spread) / (1 - error - spread)", "spread) / (1 - error)"),
    ("consensus/posterior.py", "LEAST_PRIOR, 1.0)", "1e-12, 1.0)"),
    ("consensus/posterior.py", "np.lexsort((weights, cells))", "np.argsort(cells)"),
    ("consensus/posterior.py", "old.sum(1, keepdims=True) * base", "base"),
    ("consensus/posterior.py", "asked & (q.max(1)", "(q.max(1)"),
    ("consensus/posterior.py", "np.where(rate < chance_error(classes)", "np.where(rate < 1"),
    ("consensus/majority.py", "is None else voters) >= 2", "is None else voters) >= 1"),
    ("consensus/majority.py", "several & (total >= 2)", "several & (total >= 3)"),
    ("consensus/majority.py", "answers >= max_votes", "total >= max_votes"),
    ("consensus/majority.py", "abstained >= ABSTAIN_LIMIT", "abstained > ABSTAIN_LIMIT"),
    ("consensus/majority.py", "np.where(top, probs, -1.0)", "probs"),
    ("consensus/agreement.py", "[given.tasks] - own", "[given.tasks]"),
    ("consensus/agreement.py", "given.labels] - own", "given.labels]"),
    ("estimates/error_rates.py", "new.max(1) >= 2", "new.max(1) >= 1"),
    ("estimates/error_rates.py", "old.mean() - corrected", "old.mean() + corrected"),
    ("estimates/error_rates.py", "2 * PEOPLE - PEOPLE**2 / chance", "PEOPLE"),
    ("estimates/error_rates.py", "(1 - people / chance)", "1"),
    ("estimates/error_rates.py", "known & (own > cap)", "own > 1"),
    ("ranking.py", "tier + exact / (1 + np.abs(exact))", "tier - exact / (1 + np.abs(exact))"),
    ("ranking.py", "score.round(DIGITS)", "score"),
    ("ranking.py", "(total > initial_votes) & ~finished", "total > initial_votes"),
    ("ranking.py", "np.unique(-inside", "np.unique(inside"),
    ("ranking.py", "low[before] + share *", "low[before] - share *"),
    ("ranking.py", "width * (place + 0.5)", "width * 0.5"),
    ("diversity/diffusion.py", "field *= 1 - delta", "field *= 1 + delta"),
    (
        "diversity/diffusion.py",
        "1 / np.where(alone, 1, degree)",
        "1 / np.sqrt(np.where(alone, 1, degree))",
    ),
    ("diversity/diffusion.py", "    if clamped is not None:\n        after[clamped] = 0\n", ""),
    ("diversity/diffusion.py", "sp.diags_array(alone.", "0 * sp.diags_array(alone."),
    ("diversity/diffusion_modes.py", "before - removed", "before + removed"),
    ("diversity/diffusion_modes.py", "(strength * current[best])", "current[best]"),
    ("diversity/diffusion_modes.py", "        mass[0] = 1\n        gained", "        gained"),
    ("diversity/diffusion_modes.py", "values[picks[:i]] = -1", "pass"),
    (
        "diversity/diffusion_modes.py",
        "picks[: i + 1] if clamp_all",
        "picks[i : i + 1] if clamp_all",
    ),
    (
        "diversity/diffusion_modes.py",
        "field[order[window]] >= current[best]",
        "field[order[window]] > 9e9",
    ),
    ("diversity/diffusion_modes.py", "argsort(contribution, kind", "argsort(-contribution, kind"),
    ("diversity/cover.py", "norms - 2 * points @ centre", "norms + 2 * points @ centre"),
    ("diversity/cover.py", "distance.argmax()", "distance.argmin()"),
    ("diversity/cover.py", "np.argsort(turn, kind", "np.argsort(-turn, kind"),
    ("diversity/cover.py", "    turn[mine < 0] = len(order)\n", ""),
    ("neighbours/knn.py", "np.exp(-neighbours", "np.exp(neighbours"),
    ("neighbours/knn.py", "directed.maximum(directed.T)", "directed.minimum(directed.T)"),
    ("neighbours/knn.py", "mean**2", "mean"),
    ("neighbours/knn.py", "- 2 * points @ points.T", "- points @ points.T"),
    ("neighbours/knn.py", "np.argsort(found == rows[:, None]", "np.argsort(found != rows[:, None]"),
    ("neighbours/knn.py", "if measured < recall:", "if measured < 0:"),
    ("estimates/calibration.py", "np.abs(accuracy - sure)", "(accuracy - sure)"),
    ("estimates/noise_rate.py", "among_likeliest(reached, labels)", "reached[:, 0] < 0"),
    ("estimates/calibration.py", "/ likeliest.sum(1)", ""),
    ("estimates/noise_rate.py", "p >= thresholds - 1e-6", "p >= 0.5"),
    (
        "estimates/noise_rate.py",
        "(true[counted], labels[counted])",
        "(labels[counted], true[counted])",
    ),
    ("estimates/noise_rate.py", "joint * (sizes / np.maximum(confident, 1))", "joint * 1.0"),
    (
        "estimates/noise_rate.py",
        "found + 0.5, m - found + 0.5, tail",
        "found + 1.0, m - found + 1.0, tail",
    ),
]


def survives(mutation: tuple[str, str, str]) -> bool:
    """Make one mutation in a copy of the package and run its tests; True if all pass.

    Runs in a process of its own, forked before the package was imported.
    """
    module, old, new = mutation
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(PACKAGE, Path(folder) / "relabel")
        path = Path(folder) / "relabel" / "numerics" / module
        text = path.read_text()
        if old not in text:
            raise ValueError(f"{module} no longer contains {old!r}: bring this list up to date.")
        path.write_text(text.replace(old, new, 1))
        sys.path.insert(0, folder)
        command = ["-qx", "-p", "no:cacheprovider", "--hypothesis-seed=0", *TESTS[module]]
        command += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            code = pytest.main(command)
        if not str(sys.modules["relabel"].__file__).startswith(folder):
            raise ValueError("The tests imported another copy of the package.")
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise ValueError(f"pytest ended with {code!r} on {module}: {old!r} -> {new!r}")
    return code == pytest.ExitCode.OK


def main() -> None:
    """Run every mutation whose line contains the text, and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="only mutations that contain this text")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    chosen = [m for m in MUTATIONS if arguments.only in " ".join(m)]
    modules = sorted({module for module, _, _ in chosen})
    alive = []
    with multiprocessing.get_context("fork").Pool(arguments.jobs, maxtasksperchild=1) as pool:
        # Unless the unmutated copy passes, a failure proves nothing.
        controls = [(module, "import", "import") for module in modules]
        if not all(pool.imap(survives, controls, chunksize=1)):
            raise SystemExit("Tests fail without any mutation.")
        results = pool.imap(survives, chosen, chunksize=1)
        for (module, old, new), survived in zip(chosen, results, strict=True):
            verdict = "SURVIVED" if survived else "killed"
            print(f"{verdict:9} {module}: {old!r} -> {new!r}", flush=True)
            alive += [old] if survived else []
    print(f"killed {len(chosen) - len(alive)} of {len(chosen)}")
    raise SystemExit(bool(alive))


if __name__ == "__main__":
    main()
