"""One seed per (run, role), so that changing one part leaves the randomness of others alone."""

from zlib import crc32

import numpy as np

ROLES = ("noise", "annotators", "ties", "model", "audit", "random order", "sample")


def seed_of(run: int, role: str) -> int:
    """Return the seed of a role in run number `run`; `role` is one of `ROLES`."""
    if role not in ROLES:
        raise AssertionError(role)
    return int(np.random.SeedSequence([run, crc32(role.encode())]).generate_state(1)[0])


def generator(run: int, role: str) -> np.random.Generator:
    """Return a new generator for a role in run number `run`."""
    return np.random.default_rng(seed_of(run, role))
