"""How much each figure and table of Bernhardt et al. 2022 computes."""

from relabel.simulation.papers.parts.entry import Numbers

SMALL: dict[str, Numbers] = {
    "figure 3": Numbers(seeds=5, samples=5_000),
    "figure 4": Numbers(seeds=5, samples=5_000),
    "figure 6": Numbers(seeds=1, samples=10_000),
    "figure S2": Numbers(seeds=3, samples=2_000),
    "figure S3": Numbers(seeds=5, samples=5_000),
    "table 1": Numbers(seeds=5, samples=5_000, tested=10_000),
    "table 2": Numbers(seeds=3, samples=10_000, tested=50_000, epochs=120),
    "table 3": Numbers(seeds=1, samples=26_684),
}

PAPER: dict[str, Numbers] = {
    "figure 3": Numbers(seeds=5, samples=5_000),
    "figure 4": Numbers(seeds=5, samples=5_000),
    "figure 6": Numbers(seeds=1, samples=10_000),
    "figure S2": Numbers(seeds=5, samples=5_000),
    "figure S3": Numbers(seeds=5, samples=5_000),
    "table 1": Numbers(seeds=5, samples=5_000, tested=50_000),
    "table 2": Numbers(seeds=3, samples=10_000, tested=50_000, epochs=120),
    "table 3": Numbers(seeds=1, samples=26_684),
}

SECONDS: dict[str, int | None] = dict.fromkeys(SMALL) | {"figure 3": 240, "figure 6": 10}
"""What `small` took on two busy cores."""
