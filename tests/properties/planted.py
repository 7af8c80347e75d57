"""Plants one mistake at a time into a copy of the package: does `test_state.py` find it?

Each must be found; a change of the code that a mistake replaces is followed here. Usage, or
`make test-planted`: python tests/properties/planted.py [words of the mistakes to try]
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEQUENCES = "300"
PLANTED = {
    "sync: annotations that are gone stay": (
        "service/sync/mirror.py",
        "    record_truth(connection, project.id, task_ids, found, read_at=read_at)\n",
        "    record_truth(connection, project.id, [], found, read_at=read_at)\n",
    ),
    "counting: a deleted annotation leaves what its task says as it was": (
        "storage/annotations.py",
        "    mark_stale(connection, project_id, tasks - {0})\n",
        "",
    ),
    "counting: an annotation of an event is not counted": (
        "storage/annotations.py",
        'newer_by="updated_at", kept=_kept)\n    mark_stale(connection, project_id, concerned)\n',
        'newer_by="updated_at", kept=_kept)\n',
    ),
    "undo: the queue goes back to the first round, not to the one before": (
        "service/queue/undo.py",
        "    previous = published[-1] if published else None\n",
        "    previous = published[0] if published else None\n",
    ),
    "window: one task too few": (
        "service/queue/window.py",
        "    wanted[untouched[:window]] = True\n",
        "    wanted[untouched[: window - 1]] = True\n",
    ),
    "fencing: a round that was given up publishes all the same": (
        "storage/rounds.py",
        "    claimed = (rounds.c.id == round_id) & (rounds.c.state == str(was))\n",
        "    claimed = rounds.c.id == round_id\n",
    ),
    "paging: each page begins one task late": (
        "labelstudio/client.py",
        '            last = found[-1]["id"] if found else last\n',
        '            last = found[-1]["id"] + 1 if found else last\n',
    ),
}


def is_found(path: str, right: str, wrong: str) -> bool:
    """Return whether the sequences fail with this mistake in the package."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "relabel"
        shutil.copytree(ROOT / "backend" / "relabel", copy)
        code = (copy / path).read_text()
        if code.count(right) != 1:
            raise SystemExit(f"{path} does not hold the line once that is to be replaced: {right}")
        (copy / path).write_text(code.replace(right, wrong))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "tests/properties/test_state.py"]
        env = {"PYTHONPATH": folder, "RELABEL_STATE_SEQUENCES": SEQUENCES, "RELABEL_SHRINK": "0"}
        ended = subprocess.run(
            command, cwd=ROOT, env=os.environ | env, capture_output=True, check=False
        )
    if ended.returncode not in (0, 1):
        raise SystemExit(ended.stdout.decode() + ended.stderr.decode())
    return ended.returncode == 1


def main() -> int:
    """Try all mistakes, or those whose names hold one of the words given."""
    words = sys.argv[1:] or [""]
    missed = 0
    for name, planted in PLANTED.items():
        if any(word in name for word in words):
            found = is_found(*planted)
            missed += not found
            sys.stdout.write(f"{'found ' if found else 'MISSED'}  {name}\n")
            sys.stdout.flush()
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
