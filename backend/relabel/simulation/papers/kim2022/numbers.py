"""How much each figure and table of Kim 2022 computes."""

from relabel.simulation.papers.parts.entry import Numbers

SMALL: dict[str, Numbers] = {
    "figure 1": Numbers(seeds=3, samples=5_000, tested=1_000, epochs=15),
    "figure 2": Numbers(seeds=3, samples=5_000, tested=10_000, batch=100, rounds=15, epochs=15),
    "figure 3": Numbers(seeds=3, samples=5_000, tested=10_000, batch=100, rounds=15, epochs=15),
    "figure 4": Numbers(seeds=3, samples=5_000, tested=10_000, batch=100, rounds=15, epochs=15),
    "figure 5": Numbers(seeds=3, samples=5_000, tested=10_000, batch=100, rounds=15, epochs=15),
    "table 1": Numbers(seeds=3, samples=5_000, tested=10_000, batch=100, rounds=15, epochs=15),
}

PAPER: dict[str, Numbers] = dict.fromkeys(
    SMALL, Numbers(seeds=10, samples=50_000, tested=10_000, batch=1_000, rounds=15, epochs=15)
)

SECONDS: dict[str, int | None] = dict.fromkeys(SMALL)
"""What `small` took on two busy cores."""
