"""How much each figure and table of Khanal et al. 2024 computes.

samples: of CIFAR-10, from which the long tail is taken: about a quarter of them.
"""

from relabel.simulation.papers.parts.entry import Numbers

SMALL: dict[str, Numbers] = {
    "figure 2": Numbers(seeds=3, samples=20_000, tested=10_000, batch=120, rounds=8, epochs=20),
    "figure 3": Numbers(seeds=3, samples=20_000, tested=10_000, batch=30, rounds=8, epochs=20),
    "table 1": Numbers(seeds=3, samples=40_000, tested=10_000, epochs=30),
}

PAPER: dict[str, Numbers] = {
    "figure 2": Numbers(seeds=3, samples=40_000, tested=10_000, batch=384, rounds=8, epochs=50),
    "figure 3": Numbers(seeds=3, samples=40_000, tested=10_000, batch=70, rounds=8, epochs=50),
    "table 1": Numbers(seeds=3, samples=40_000, tested=10_000, epochs=50),
}

SECONDS: dict[str, int | None] = dict.fromkeys(SMALL)
"""What `small` took on two busy cores."""
