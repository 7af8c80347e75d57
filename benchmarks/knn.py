"""Recall and time of the neighbour search on 60,000 real images' features.

    python benchmarks/knn.py [--data ../shared/data]

The features are those of the CIFAR-10 images (50,000 train, 10,000 test; 512 dimensions). Beside
it, in the same run and on the same threads: exact FAISS for all tasks, and scikit-learn's brute
force for a sample, scaled up. Recall is against the exact neighbours of all tasks.
"""

import argparse
import time
from pathlib import Path

import faiss
import numpy as np
import sklearn
from relabel.numerics.neighbours.graph import affinity, kernel_width
from relabel.numerics.neighbours.knn import build_index, find_neighbours
from sklearn.neighbors import NearestNeighbors

RESULT = Path(__file__).parent / "results" / "knn.md"
NEIGHBOURS, SAMPLE = 10, 3000


def features(folder: Path) -> np.ndarray:
    """L2-normalised (60000, 512) float32."""
    with np.load(folder / "cifar10_train_features.npz") as train:
        first = train["features_int8"].astype(np.float32) * train["scale"]
    with np.load(folder / "cifar10h_test.npz") as test:
        both = np.concatenate([first, test["features"].astype(np.float32)])
    return (both / np.linalg.norm(both, axis=1, keepdims=True)).astype(np.float32)


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if not (options.data / "cifar10_train_features.npz").exists():
        raise SystemExit(f"Skipped: {options.data} holds no CIFAR-10 features (see --data).")
    vectors = features(options.data)
    n, rng = len(vectors), np.random.default_rng(0)
    faiss.omp_set_num_threads(options.threads)

    clocks = [time.perf_counter()]
    index = build_index(vectors, rng)
    clocks.append(time.perf_counter())
    found = find_neighbours(index, vectors, NEIGHBOURS, rng)
    clocks.append(time.perf_counter())
    graph = affinity(found, kernel_width(vectors, rng))
    clocks.append(time.perf_counter())
    build, search, weigh = np.diff(clocks)

    start = time.perf_counter()
    flat = faiss.IndexFlatL2(vectors.shape[1])
    flat.add(vectors)
    _, exact = flat.search(vectors, NEIGHBOURS + 1)
    exact_seconds = time.perf_counter() - start

    rows = np.sort(rng.choice(n, SAMPLE, replace=False))
    start = time.perf_counter()
    peer = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute").fit(vectors)
    peer.kneighbors(vectors[rows], return_distance=False)
    peer_seconds = (time.perf_counter() - start) * n / SAMPLE

    true = [set(row[row != i][:NEIGHBOURS]) for i, row in enumerate(exact)]
    recall = np.mean([len(true[i] & set(row)) for i, row in enumerate(found.rows)]) / NEIGHBOURS
    lines = [
        "# Nearest neighbours",
        "",
        (
            f"`python benchmarks/knn.py`: {n:,} features of {vectors.shape[1]} dimensions, "
            f"{NEIGHBOURS} neighbours, {options.threads} threads; FAISS {faiss.__version__}, "
            f"scikit-learn {sklearn.__version__}."
        ),
        "",
        "| search | seconds | times ours | recall |",
        "|---|---|---|---|",
        (
            f"| ours ({found.method}): build {build:.1f}, tune and search {search:.1f} | "
            f"{build + search:.1f} | 1 | {recall:.4f} (its own sample said {found.recall:.4f}) |"
        ),
        f"| exact FAISS | {exact_seconds:.1f} | {exact_seconds / (build + search):.1f} | 1 |",
        (
            f"| scikit-learn, brute force ({SAMPLE:,} tasks, scaled) | {peer_seconds:.1f} | "
            f"{peer_seconds / (build + search):.1f} | 1 |"
        ),
        "",
        (
            f"Graph: {graph.nnz / n:.1f} links per task, {weigh:.1f} s, "
            f"weights {graph.data.min():.2f} to {graph.data.max():.2f}."
        ),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    RESULT.write_text(text)
    if recall < 0.99:
        raise SystemExit(f"Recall {recall:.4f} is below 0.99.")


if __name__ == "__main__":
    main()
