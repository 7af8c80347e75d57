"""What this machine, or the container that this process is in, has: memory and processors."""

import math
import os
import sys
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def peak_memory() -> int:
    """Return the most bytes that this process ever held, 0 = the system does not say."""
    try:
        import resource  # noqa: PLC0415  POSIX only; everything else imports on Windows too
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def all_memory(cgroup: Path = CGROUP) -> int:
    """Return the bytes that this machine or container has, 0 = the system does not say."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
    limits = ("memory.max", "memory/memory.limit_in_bytes")
    return min([whole, *(int(text) for name in limits if (text := _read(cgroup / name)).isdigit())])


def processors(cgroup: Path = CGROUP) -> int:
    """Return how many processors this process may keep busy, at least 1."""
    try:
        there = len(os.sched_getaffinity(0))
    except AttributeError:
        there = os.cpu_count() or 1
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if not period:
        quota = _read(cgroup / "cpu/cpu.cfs_quota_us")
        period = _read(cgroup / "cpu/cpu.cfs_period_us")
    if quota.isdigit() and period.isdigit() and int(period):
        there = min(there, math.ceil(int(quota) / int(period)))
    return max(there, 1)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
