"""The documentation names all that can be chosen, and all tables and figures of the papers."""

import re
from pathlib import Path

import pytest
from relabel.simulation.data.noise_models import NOISE_MODELS
from relabel.simulation.data.sources import DATASETS
from relabel.simulation.papers.registry import ENTRIES

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "simulation.md").read_text()
PAPERS = (DOCS / "papers.md").read_text()
SECTIONS = {
    "bernhardt2022": "Bernhardt et al. 2022",
    "kim2022": "Kim 2022",
    "khanal2024": "Khanal et al. 2024",
}
NUMBERS = {
    "bernhardt2022": [
        *(f"figure {n}" for n in "123456"),
        *(f"table {n}" for n in "123"),
        *("figure S2", "figure S3", "figure S6", "table S2", "table S3"),
    ],
    "kim2022": [*(f"figure {n}" for n in "12345"), "table 1"],
    "khanal2024": [*(f"figure {n}" for n in "123"), "table 1"],
}
"""All that the papers have, and of the supplement what the text cites."""

NUMBER = re.compile(r"(Supp\. )?(Fig\.|Table) (\d)")
COMMAND = re.compile(r"`relabel simulate --paper (\w+) --(figure|table) (\w+)`")
VERDICTS = ("agree", "disagree", "other data", "not run", "not built yet", "nothing to ")


def section_of(paper):
    return PAPERS.partition(f"## {SECTIONS[paper]}\n")[2].partition("\n## ")[0]


def rows_of(paper):
    """Return (number, cells) of each row of a paper's table; 3a and 3b are both "figure 3"."""
    section = section_of(paper)
    table = section[section.index("| Number |") :].partition("\n\n")[0]
    found = []
    for line in table.splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        beyond, kind, number = NUMBER.match(cells[0]).groups()
        name = "figure" if kind == "Fig." else "table"
        found.append((f"{name} {'S' if beyond else ''}{number}", cells))
    return found


@pytest.mark.parametrize("paper", SECTIONS)
def test_no_table_and_no_figure_of_a_paper_is_left_out(paper):
    rows = rows_of(paper)
    assert {item for item, _ in rows} == set(NUMBERS[paper])
    for item, cells in rows:
        assert len(cells) == 7, item
        assert all(cells), item
        assert cells[-1].startswith(VERDICTS), item


def test_a_row_claims_the_command_of_its_number_and_every_entry_has_a_row():
    claimed = set()
    for paper in SECTIONS:
        for item, cells in rows_of(paper):
            command = COMMAND.fullmatch(cells[2])
            if command is None:
                assert cells[2] in ("-", "not built yet"), item
                continue
            assert (command[1], f"{command[2]} {command[3]}") == (paper, item)
            claimed.add((paper, item))
    assert claimed == set(ENTRIES)


@pytest.mark.parametrize("paper", SECTIONS)
def test_what_differs_from_a_paper_is_said(paper):
    differs = section_of(paper).partition("What differs:\n\n| Subject |")[2]
    assert differs.count("\n| ") > 8


@pytest.mark.parametrize("name", [*DATASETS, *NOISE_MODELS])
def test_every_data_set_and_noise_model_has_its_row(name):
    assert f"`{name}`" in TEXT
