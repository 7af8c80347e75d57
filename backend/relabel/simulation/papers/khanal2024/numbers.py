"""How much each figure and table of Khanal et al. 2024 computes."""

from relabel.simulation.papers.parts.entry import Numbers

SMALL: dict[str, Numbers] = {
    "figure 3": Numbers(seeds=3, samples=10_000, tested=10_000, batch=250, rounds=8),
}

PAPER: dict[str, Numbers] = {
    "figure 3": Numbers(seeds=3, samples=15_924, tested=10_000, batch=80, rounds=8),
}

SECONDS: dict[str, int | None] = {"figure 3": None}
"""What `small` took on two busy cores."""
