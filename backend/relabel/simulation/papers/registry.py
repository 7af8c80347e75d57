"""Experiments of the papers on the data at hand, the published row beside ours."""

import json
from collections.abc import Callable

from relabel.catalogue.options import meant
from relabel.errors import ConfigurationError
from relabel.files import write_file
from relabel.simulation.experiment.summary import summarise
from relabel.simulation.papers.bernhardt2022 import (
    bernhardt_fig3,
    bernhardt_table1,
    bernhardt_table2,
)
from relabel.simulation.papers.kim2022 import khanal, kim_fig2, kim_fig4, kim_fig5, kim_table1
from relabel.simulation.papers.parts import Job, Outcome
from relabel.simulation.report.files import paper_table, table_of, write_report

PRESETS: dict[str, Callable[[Job], Outcome]] = {
    "bernhardt-fig3": bernhardt_fig3,
    "bernhardt-table1": bernhardt_table1,
    "bernhardt-table2": bernhardt_table2,
    "khanal": khanal,
    "kim-table1": kim_table1,
    "kim-fig2": kim_fig2,
    "kim-fig4": kim_fig4,
    "kim-fig5": kim_fig5,
}


def check_preset(name: str) -> None:
    """Refuse a preset that there is not.

    Raises:
        ConfigurationError: naming those that there are.

    """
    if name not in PRESETS:
        raise ConfigurationError(
            f"preset={name!r} is unknown; known: {', '.join(PRESETS)}.{meant(name, PRESETS)}"
        )


def run_preset(name: str, job: Job) -> int:
    """Run a preset, write its report into job.out and show its tables; 0 = done.

    Raises:
        ConfigurationError: no such preset, or its data is not in job.data_dir.
    """
    check_preset(name)
    outcome = PRESETS[name](job)
    job.out.mkdir(parents=True, exist_ok=True)
    job.console.print(paper_table(outcome.paper))
    options = {
        "preset": name,
        "data_dir": str(job.data_dir),
        "seeds": job.seeds,
        "device": job.device,
        "option": job.options,
    }
    if outcome.setting is None:
        content = {"title": outcome.title, "options": options, "rows": [], "paper": outcome.paper}
        write_file(job.out / "summary.json", json.dumps(content, indent=1) + "\n")
        return 0
    rows = summarise(outcome.setting, outcome.methods, outcome.runs)
    job.console.print(table_of(rows, outcome.title, job.console.width))
    write_report(
        job.out, outcome.title, outcome.setting, rows, outcome.runs, options, outcome.paper
    )
    return 0
