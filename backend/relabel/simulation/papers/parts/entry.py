"""What a figure or table of a paper is made of, and what running it takes and gives."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.experiment.options import Options
from relabel.simulation.experiment.setting import Run, Setting
from relabel.simulation.experiment.summary import Row


@dataclass(frozen=True, slots=True)
class Numbers:
    """How much an entry computes.

    seeds: repeats. samples: whose labels are wrong and cleaned. tested: clean samples on which
    classifiers are scored. batch: labels asked for between two rankings; rounds: how often.
    epochs: of every network; 0 = the selector's own.
    """

    seeds: int
    samples: int
    tested: int = 0
    batch: int = 0
    rounds: int = 0
    epochs: int = 0

    @property
    def work(self) -> int:
        """What the time grows with."""
        samples = self.samples + self.tested
        return self.seeds * samples * max(self.rounds, 1) * max(self.epochs, 1)


@dataclass(frozen=True, slots=True)
class Job:
    """What an entry is run with; options: of selectors, as `give_options` reads them."""

    data_dir: Path
    out: Path
    numbers: Numbers
    workers: int
    console: Console
    device: str = "cpu"
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an entry found: campaigns, if it ran any, and the paper's rows beside ours."""

    title: str
    paper: list[Row]
    setting: Setting | None = None
    methods: tuple[Method, ...] = ()
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Want:
    """Files that an entry reads: what they are, where they come from, and their names.

    files: each must lie in --data-dir.
    """

    what: str
    source: str
    files: tuple[str, ...]

    def missing(self, folder: Path) -> tuple[str, ...]:
        """Return the files that are not in the folder."""
        return tuple(name for name in self.files if not (folder / name).exists())


@dataclass(frozen=True, slots=True)
class Entry:
    """A figure or table.

    published: its values in short. used: data, network, epochs and repeats of the paper.
    differs: what of that is another thing here, whatever the scale. seconds: that `small` took, on
    two busy cores; None = not measured. lacks: what the paper's own needs and is not read here,
    with its source. takes_options: whether options reach its selectors.
    """

    run: Callable[[Job], Outcome]
    title: str
    published: str
    used: str
    differs: str
    small: Numbers
    paper: Numbers
    wants: tuple[Want, ...]
    seconds: int | None
    lacks: tuple[str, ...] = ()
    takes_options: bool = False

    @property
    def seconds_of_paper(self) -> float | None:
        """What `paper` would take, by what `small` took; None = not known."""
        return None if self.seconds is None else self.seconds * self.paper.work / self.small.work
