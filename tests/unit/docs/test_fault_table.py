"""What may go wrong, what happens then, what to do, and which tests prove it.

To add a row, name the tests that prove it as `folder/test_file.py::test_name`.
"""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
PAGE = TESTS.parent / "docs" / "operations.md"
HEAD = "| What goes wrong | What happens | What you do | Proved by |"


def rows():
    """Return the cells of each row."""
    lines = PAGE.read_text().splitlines()
    start = lines.index(HEAD) + 2
    end = lines.index("", start)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]


def test_the_table_has_rows():
    assert len(rows()) > 30
    faults = [cells[0] for cells in rows()]
    assert len(set(faults)) == len(faults)


@pytest.mark.parametrize("cells", rows(), ids=lambda cells: cells[0][:50])
def test_every_row_is_proved_by_tests_that_are_there(cells):
    assert len(cells) == 4
    assert all(cells)
    proofs = re.findall(r"`([^`]+)`", cells[3])
    assert proofs
    for proof in proofs:
        file, _, name = proof.partition("::")
        assert (TESTS / file).is_file(), f"{proof}: there is no such file"
        found = re.search(rf"^ *def {re.escape(name)}\(", (TESTS / file).read_text(), re.MULTILINE)
        assert name.startswith("test_"), proof
        assert found, f"{proof}: there is no such test"
