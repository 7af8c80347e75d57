"""Processor time of one vote, from the journal to the queue, by the size of the project.

    python benchmarks/one_vote.py [--tasks 10000 100000] [--before PATH]

Label Studio is answered by a stub in this process, which costs next to nothing. With --before, a
checkout of an earlier version, both are measured in turns: on a machine that others use too, only
ratios of the same run say something. The store is made up, with a round published.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "one_vote.md"
CLASSES = [str(n) for n in range(10)]
CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    + "".join(f'<Choice value="{name}"/>' for name in CLASSES)
    + "</Choices></View>"
)
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
VOTES = 9
HEAD = """# One vote

`python benchmarks/one_vote.py --before PATH`: CPU seconds from the journal to the queue, median of
{votes} votes, each on another task; SQLite, 10 classes, one old label per task, Label Studio
answered by a stub. Both trees in turns, in one run.

| tasks | before | now | ratio | now, posterior and gain | ratio |
|---|---|---|---|---|---|
"""
PARAMS = ("", 'consensus = "posterior"\nscore = "gain"\n')
"""Policies of this tree: people alone, task after task; and with the model's evidence."""


class Stub:
    """Answers as Label Studio does, of the task that was voted on last; nothing else is kept."""

    def __init__(self) -> None:
        self.task: dict[str, Any] = {}

    def answer(self, request: Any) -> Any:
        """Answer one request."""
        import httpx

        path = request.url.path
        said = json.loads(request.content) if request.content else {}
        found = re.fullmatch(r"/api/tasks/(\d+)/", path)
        if path == "/api/tasks":
            return httpx.Response(200, json={"total": 1, "tasks": [self.task]})
        if found is None:
            return httpx.Response(200, json={"created": 1})
        number = int(found[1])
        return httpx.Response(
            200, json={"id": number, "project": 1, "annotations": [], "predictions": []} | said
        )


def vote_on(task_id: int, at: str) -> dict[str, Any]:
    """Return a task as Label Studio has it once somebody voted on it."""
    early = (START - timedelta(days=9)).isoformat()
    annotations = [
        {
            "id": number,
            "task": task_id,
            "completed_by": person,
            "created_at": when,
            "updated_at": when,
            "was_cancelled": False,
            "result": [
                {
                    "from_name": "label",
                    "to_name": "image",
                    "type": "choices",
                    "value": {"choices": [label]},
                }
            ],
        }
        for number, person, when, label in (
            (task_id, 1, early, "3"),
            (10_000_000 + task_id, 2, at, "4"),
        )
    ]
    return {
        "id": task_id,
        "project": 1,
        "data": {"image": f"/data/{task_id}.png"},
        "created_at": early,
        "updated_at": at,
        "overlap": 2,
        "is_labeled": False,
        "annotations": annotations,
        "predictions": [{"id": task_id, "score": 0.5, "model_version": VERSION}],
        "total_annotations": 2,
        "cancelled_annotations": 0,
        "total_predictions": 1,
    }


VERSION = "relabel-1-benchmark"


def make_project(context: Any, tasks: int) -> None:
    """Fill the store with one project of which a round is published."""
    import numpy as np
    from relabel.numerics.ranking import QualityMap

    try:
        from relabel.service.votes.result import RoundResult
    except ImportError:  # in trees from before that room
        from relabel.service.queue.scores import RoundResult
    from relabel.storage.annotations import Annotation, Kind, record
    from relabel.storage.projects import Project, save_project
    from relabel.storage.rounds import RoundState, finish_round, start_round
    from relabel.storage.tasks import Task, save_tasks, set_scores
    from relabel.types import Posteriors

    now, early = START.isoformat(), (START - timedelta(days=9)).isoformat()
    params = os.environ.get("ONE_VOTE_PARAMS", "")
    project = Project(1, "", "Large", CONFIG, 'encoder = "tiny"\n' + params, now, {}, 1, view_id=1)
    ids = np.arange(1, tasks + 1)
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(len(CLASSES)), tasks).astype(np.float32)
    labels = np.full(tasks, 3)
    priority = rng.random(tasks)
    quality = QualityMap.fit(priority, rng)
    counts = np.eye(len(CLASSES), dtype=np.int64)[labels]
    result = RoundResult(
        Posteriors(ids, probs),
        counts,
        labels,
        priority,
        quality,
        tuple(CLASSES),
        "tiered_phi",
        priority,
        *_rates(),
    )
    artifact = result.save(context.folder(1), "round-1")
    with context.engine.begin() as connection:
        save_project(connection, project)
        save_tasks(
            connection,
            1,
            [Task(i, f"/data/{i}.png", 1, True, now, 1, True) for i in ids.tolist()],
        )
        record(
            connection,
            1,
            [
                Annotation(i, i, "1", Kind.LABEL, "3", early, early, initial=True)
                for i in ids.tolist()
            ],
        )
        scores = quality.score(priority)
        set_scores(connection, 1, dict(zip(ids.tolist(), scores.tolist(), strict=True)))
        current = start_round(connection, 1, {}, "benchmark")
        finish_round(connection, current.id, RoundState.PUBLISHED, artifact=artifact)
        from relabel.storage.projects import set_project

        set_project(connection, 1, high_water=now)


def serve() -> None:
    """Measure one vote for each line read, in the tree that this process imports."""
    import httpx
    from relabel.labelstudio.client import LabelStudio
    from relabel.service.context import Context
    from relabel.service.queue.refresh import refresh_queue
    from relabel.service.sync.catch_up import carry_out
    from relabel.settings import Settings
    from relabel.storage.database import open_database, reading
    from relabel.storage.projects import get_project

    try:
        from relabel.storage.journal.events import journal
    except ImportError:  # an earlier tree
        from relabel.storage.events import journal

    stub = Stub()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            label_studio_url="http://stub.test",
            label_studio_api_key="f" * 40,
            data_dir=Path(folder),
        )
        client = LabelStudio(
            "http://stub.test", "f" * 40, transport=httpx.MockTransport(stub.answer)
        )
        context = Context(settings, open_database(settings.database()), client)
        make_project(context, int(sys.argv[2]))
        with reading(context.engine) as connection:
            project = get_project(connection, 1)
        try:
            from relabel.service.connected import open_connected
        except ImportError:
            refresh_queue(context, project)
        else:
            connected = open_connected(settings, project)
            _count_missing(context, connected)
            refresh_queue(context, connected)
        for number, _ in enumerate(sys.stdin, start=1):
            at = (START + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            stub.task = vote_on(100 * number, at)
            with context.engine.begin() as connection:
                journal(connection, 1, "CHANGED")
            began = time.process_time()
            carry_out(context, 1)
            print(time.process_time() - began, flush=True)
        context.close()


def _rates() -> list[Any]:
    """Return how often labels and people err, where a tree wants to know."""
    import numpy as np

    try:
        from relabel.numerics.consensus.posterior import Rates
        from relabel.service.votes.rates import RoundRates
    except ImportError:
        return []
    return [RoundRates(tuple(CLASSES), Rates(np.full(len(CLASSES), 0.14), 0.14, 0.05), {})]


def _count_missing(context: Any, connected: Any) -> None:
    """Count all tasks, where a tree knows of it."""
    from inspect import signature

    try:
        from relabel.service.votes.task_states import count_missing
    except ImportError:
        try:
            from relabel.service.queue.task_states import count_missing
        except ImportError:
            return
    folder = [context.folder(1)] if len(signature(count_missing).parameters) > 2 else []
    count_missing(context.engine, connected, *folder)


class Tree:
    """One version of the package, in a process of its own."""

    def __init__(self, root: Path, tasks: int, params: str = "") -> None:
        path = {"PYTHONPATH": str(root / "backend"), "ONE_VOTE_PARAMS": params}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(tasks)],
            env=os.environ | path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def vote(self) -> float:
        """Return the CPU seconds of one more vote."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("vote\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--before", type=Path, help="checkout of the version to compare with")
    options = parser.parse_args()
    lines = []
    for tasks in options.tasks:
        known = [options.before] if options.before else []
        trees = [*(Tree(root, tasks) for root in known), *(Tree(ROOT, tasks, p) for p in PARAMS)]
        seconds: list[list[float]] = [[] for _ in trees]
        for _ in range(VOTES):
            for tree, found in zip(trees, seconds, strict=True):
                found.append(tree.vote())
        for tree in trees:
            tree.close()
        medians = [statistics.median(found) for found in seconds]
        before = medians[0] if known else float("nan")
        now = [f"{median:.3f} | {median / before:.2f}" for median in medians[len(known) :]]
        lines.append(f"| {tasks:,} | {before:.3f} | {' | '.join(now)} |")
        print(lines[-1], flush=True)
    RESULTS.write_text(HEAD.format(votes=VOTES) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve()
    else:
        main()
