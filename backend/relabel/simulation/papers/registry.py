"""Every figure and table that can be run, by paper and number."""

from relabel.catalogue.options import meant
from relabel.errors import ConfigurationError
from relabel.simulation.papers.bernhardt2022 import figure3 as bernhardt_figure3
from relabel.simulation.papers.bernhardt2022 import figure4 as bernhardt_figure4
from relabel.simulation.papers.bernhardt2022 import figure6 as bernhardt_figure6
from relabel.simulation.papers.bernhardt2022 import figure_s2 as bernhardt_figure_s2
from relabel.simulation.papers.bernhardt2022 import figure_s3 as bernhardt_figure_s3
from relabel.simulation.papers.bernhardt2022 import table1 as bernhardt_table1
from relabel.simulation.papers.bernhardt2022 import table2 as bernhardt_table2
from relabel.simulation.papers.bernhardt2022 import table3 as bernhardt_table3
from relabel.simulation.papers.khanal2024 import figure2 as khanal_figure2
from relabel.simulation.papers.khanal2024 import figure3 as khanal_figure3
from relabel.simulation.papers.khanal2024 import table1 as khanal_table1
from relabel.simulation.papers.kim2022 import figure1 as kim_figure1
from relabel.simulation.papers.kim2022 import figure2 as kim_figure2
from relabel.simulation.papers.kim2022 import figure3 as kim_figure3
from relabel.simulation.papers.kim2022 import figure4 as kim_figure4
from relabel.simulation.papers.kim2022 import figure5 as kim_figure5
from relabel.simulation.papers.kim2022 import table1 as kim_table1
from relabel.simulation.papers.parts.entry import Entry

ENTRIES: dict[tuple[str, str], Entry] = {
    ("bernhardt2022", "figure 3"): bernhardt_figure3.ENTRY,
    ("bernhardt2022", "figure 4"): bernhardt_figure4.ENTRY,
    ("bernhardt2022", "figure 6"): bernhardt_figure6.ENTRY,
    ("bernhardt2022", "figure S2"): bernhardt_figure_s2.ENTRY,
    ("bernhardt2022", "figure S3"): bernhardt_figure_s3.ENTRY,
    ("bernhardt2022", "table 1"): bernhardt_table1.ENTRY,
    ("bernhardt2022", "table 2"): bernhardt_table2.ENTRY,
    ("bernhardt2022", "table 3"): bernhardt_table3.ENTRY,
    ("kim2022", "figure 1"): kim_figure1.ENTRY,
    ("kim2022", "figure 2"): kim_figure2.ENTRY,
    ("kim2022", "figure 3"): kim_figure3.ENTRY,
    ("kim2022", "figure 4"): kim_figure4.ENTRY,
    ("kim2022", "figure 5"): kim_figure5.ENTRY,
    ("kim2022", "table 1"): kim_table1.ENTRY,
    ("khanal2024", "figure 2"): khanal_figure2.ENTRY,
    ("khanal2024", "figure 3"): khanal_figure3.ENTRY,
    ("khanal2024", "table 1"): khanal_table1.ENTRY,
}


def find_entry(paper: str | None, figure: str | None, table: str | None) -> tuple[str, Entry]:
    """Return the number in words, such as "figure 3", and the entry.

    Raises:
        ConfigurationError: there is none, naming those that there are.

    """
    papers = list(dict.fromkeys(name for name, _ in ENTRIES))
    if paper is None:
        raise ConfigurationError(f"--figure and --table go with --paper: {', '.join(papers)}.")
    if paper not in papers:
        raise ConfigurationError(
            f"paper={paper!r} is unknown; known: {', '.join(papers)}.{meant(paper, papers)}"
        )
    items = [item for name, item in ENTRIES if name == paper]
    if (figure is None) == (table is None):
        raise ConfigurationError(
            f"--paper {paper} takes one of --figure and --table; known: {', '.join(items)}."
        )
    item = f"table {table}" if figure is None else f"figure {figure}"
    if item not in items:
        raise ConfigurationError(
            f"{item} of {paper} cannot be run; known: {', '.join(items)}. See docs/papers.md."
        )
    return item, ENTRIES[paper, item]
