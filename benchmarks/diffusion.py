"""How close diffusion runs to the machine's limit.

    python benchmarks/diffusion.py [--tasks 50000] [--picks 1000] [--large 1000000]

On a synthetic graph of 50,000 tasks (256 dimensions, 10 neighbours): seconds per pick of the modes
"literal" and "delta", of the naive loop (float64, whole graph, scipy), and the bandwidth bound of a
literal pick: the bytes that its ten steps must touch, divided by the bandwidth of copying and
adding large arrays, measured in the same run. Then a large graph (64 dimensions) in a process of
its own, with its time and peak memory. One thread; seconds are processor time.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy.sparse as sp
from relabel.numerics.diversity.diffusion import transition
from relabel.numerics.diversity.diffusion_modes import by_diffusion
from relabel.numerics.neighbours.graph import affinity, kernel_width
from relabel.numerics.neighbours.knn import build_index, find_neighbours

RESULT = Path(__file__).parent / "results" / "diffusion.md"
LARGE_RESULT = RESULT.with_name("diffusion_large.md")
STEPS, DELTA, NEIGHBOURS = 10, 0.1, 10


def made(n: int, dimensions: int) -> tuple[sp.csr_array, np.ndarray]:
    """A graph of n tasks in clusters, and scores that vary with the clusters."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(max(n // 500, 2), dimensions)).astype(np.float32)
    cluster = rng.integers(0, len(centres), n)
    vectors = rng.standard_normal((n, dimensions), dtype=np.float32)
    vectors += 2 * centres[cluster] / np.sqrt(2)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = find_neighbours(build_index(vectors, rng), vectors, NEIGHBOURS, rng)
    score = rng.gamma(1, 1, len(centres))[cluster] * rng.gamma(2, 1, n)
    return affinity(near, kernel_width(vectors, rng)), score


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Least processor seconds of a call."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def bandwidth() -> float:
    """Bytes per second of STREAM's copy and add on float32 arrays far larger than the caches."""
    a, b, c = (np.ones(30_000_000, dtype=np.float32) for _ in range(3))
    copy = 2 * a.nbytes / seconds(lambda: np.copyto(c, a), 7)
    add = 3 * a.nbytes / seconds(lambda: np.add(a, b, out=c), 7)
    return max(copy, add)


def naive(graph: sp.csr_array, score: np.ndarray, picks: int) -> list[int]:
    """Kim 2022, Algorithm 1, written down as it stands: e - delta L e on the whole graph."""
    walk = transition(graph.astype(np.float64))
    laplacian = (sp.eye_array(len(score)) - walk).tocsr()
    field, taken = score.copy(), []
    for _ in range(picks):
        field_left = field.copy()
        field_left[taken] = -1
        taken.append(int(field_left.argmax()))
        for _step in range(STEPS):
            field[taken[-1]] = 0
            field = field - DELTA * (laplacian @ field)
        field[taken[-1]] = 0
    return taken


def naive_delta(graph: sp.csr_array, score: np.ndarray, picks: int) -> list[int]:
    """The mode "delta" on the whole graph, without locality."""
    walk = transition(graph.astype(np.float64))
    field, taken = score.copy(), []
    for _ in range(picks):
        field_left = field.copy()
        field_left[taken] = -1
        best = int(field_left.argmax())
        mass = np.zeros(len(field))
        for _step in range(STEPS):
            mass[best] = field[best]
            mass = mass - DELTA * (mass - walk @ mass)
        mass[best] = field[best]
        field = np.maximum(field - mass, 0)
        taken.append(best)
    return taken


def compare(n: int, picks: int) -> list[str]:
    """Measure the graph of the issue and return the lines of the table."""
    graph, score = made(n, 256)
    order, few = np.argsort(-score), max(picks // 20, 2)

    def run(mode: str, picked: int, **options: int) -> Callable[[], np.ndarray]:
        return lambda: by_diffusion(score, order, picked, graph=graph, mode=mode, **options)

    # Copied bytes: the matrix once, the field read and written, per step.
    touched = graph.data.nbytes + graph.indices.nbytes + graph.indptr.nbytes + 2 * 4 * n
    speed = bandwidth()
    bound = STEPS * touched / speed
    spent = {
        "bandwidth bound of a literal pick": bound,
        "literal": seconds(run("literal", picks), 2) / picks,
        "delta (reach 3)": seconds(run("delta", picks), 2) / picks,
        "naive literal (whole graph, float64)": seconds(lambda: naive(graph, score, few), 2) / few,
        "naive delta (whole graph, float64)": seconds(lambda: naive_delta(graph, score, few), 2)
        / few,
    }
    same = np.mean(run("literal", few)() == np.array(naive(graph, score, few)))
    local = run("delta", few)()
    alike = np.mean(local == np.array(naive_delta(graph, score, few)))
    whole, literal, delta, naive_literal, naive_local = spent.values()
    return [
        (
            f"{n:,} tasks, {graph.nnz / n:.1f} links per task, {picks:,} picks; "
            f"{touched / 1e6:.2f} MB touched per step, measured bandwidth {speed / 1e9:.1f} GB/s."
        ),
        "",
        "| per pick | ms | times the bound |",
        "|---|---|---|",
        *(f"| {name} | {1e3 * s:.3f} | {s / whole:.2f} |" for name, s in spent.items()),
        "",
        (
            f"literal: {literal / bound:.2f} times the bound, {naive_literal / literal:.1f} times "
            "faster than naive."
        ),
        (
            f"delta: {naive_local / delta:.1f} times faster than the naive whole-graph delta, "
            f"{naive_literal / delta:.1f} times faster than the naive literal loop."
        ),
        (
            f"Equal picks: literal {same:.0%}, delta {alike:.0%} of the first {few} of the naive "
            "loop."
        ),
    ]


def large(n: int) -> str:
    """Build and use one large graph; return its line."""
    start = time.perf_counter()
    graph, score = made(n, 64)
    built = time.perf_counter()
    by_diffusion(score, np.argsort(-score), 1000, graph=graph)
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return (
        f"{n:,} tasks of 64 dimensions: graph {built - start:.0f} s, 1,000 picks by delta "
        f"{end - built:.1f} s (wall clock), peak memory {peak:.2f} GiB."
    )


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--picks", type=int, default=1000)
    parser.add_argument("--large", type=int, default=1_000_000, help="0 = leave out")
    parser.add_argument("--only-large", action="store_true", help="print the large graph's line")
    options = parser.parse_args()
    if options.only_large:
        line = large(options.large)
        print(line)
        LARGE_RESULT.write_text(f"# Diffusion over a large graph\n\n{line}\n")
        return
    lines = ["# Diffusion", "", f"`python {' '.join(['benchmarks/diffusion.py', *sys.argv[1:]])}`"]
    lines += ["", *compare(options.tasks, options.picks), ""]
    text = "\n".join(lines) + "\n"
    print(text)
    RESULT.write_text(text)
    if options.large:
        # Two threads for the neighbour search, and a process whose peak memory is its own.
        command = [sys.executable, __file__, "--only-large", "--large", str(options.large)]
        threads = os.environ | {"OMP_NUM_THREADS": "2"}
        done = subprocess.run(command, env=threads, capture_output=True, text=True, check=False)
        print(done.stdout.strip() or f"The large graph failed: {done.stderr[-300:]}")


if __name__ == "__main__":
    main()
