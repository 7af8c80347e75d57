"""What the documentation says is what the code does."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
import typer
from relabel.cli.app import build_app
from relabel.policy import Policy
from relabel.service.doctor.checkup import CHECKS
from relabel.service.doctor.health import BEYOND, IN_STORE
from relabel.service.export.export import ExportRow
from relabel.service.votes.settled import By
from relabel.settings import RETIRED, Settings
from relabel.web.pages.actions import CONFIRMED
from relabel.web.pages.project import PAGES as DASHBOARD

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMANDS = typer.main.get_command(build_app()).commands

LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
VARIABLE = re.compile(r"\b(?:RELABEL|LABEL_STUDIO|BASIC_AUTH)_[A-Z_]+\b")
OF_LABEL_STUDIO = {
    "LABEL_STUDIO_USERNAME",
    "LABEL_STUDIO_PASSWORD",
    "LABEL_STUDIO_USER_TOKEN",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK",
}
OF_COMPOSE = {"LABEL_STUDIO_DB_PASSWORD", "LABEL_STUDIO_PORT", "RELABEL_DB_PASSWORD"}
MAX_IMAGE_BYTES = 200_000


def script(name):
    """Return docs/NAME.py as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


TABLES, OUTPUTS = script("make_tables"), script("make_outputs")


def ids(page):
    return page.name


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text())
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_generated_tables_are_what_the_code_says(page):
    text = page.read_text()
    assert TABLES.with_tables(text) == text, "run make docs-outputs"


@pytest.mark.parametrize("page", OUTPUTS.pages(), ids=ids)
def test_shown_outputs_are_what_the_examples_print(page):
    text = page.read_text()
    assert OUTPUTS.with_outputs(text) == text, "run make docs-outputs"


def test_an_output_that_is_out_of_date_is_rewritten():
    page = (
        "# A\n\n```python\na = 2\n```\n\n## B\n\n```python\nprint(a * 3)\n```\n\n```text\n{}\n```\n"
    )
    assert OUTPUTS.with_outputs(page.format(5)) == page.format(6)


@pytest.mark.parametrize("name", sorted(TABLES.TABLES))
def test_every_table_stands_on_exactly_one_page(name):
    pages = [page.name for page in PAGES if f"<!-- table: {name} -->" in page.read_text()]
    assert len(pages) == 1


def test_rows_are_one_for_each_setting_key_command_and_registered_name():
    # The tables are compared with the code above; here, that they leave nothing out.
    tables = {name: make() for name, make in TABLES.TABLES.items()}
    sources = {
        "policy": Policy.model_fields,
        "commands": [f"relabel {name}" for name, c in COMMANDS.items() if not c.hidden],
        "selectors": TABLES.SELECTORS,
        "encoders": TABLES.ENCODERS,
        "scores": TABLES.SCORES,
        "diversity": TABLES.DIVERSITY,
        "noise-models": TABLES.NOISE_MODELS,
        "datasets": TABLES.DATASETS,
        "presets": TABLES.PRESETS,
    }
    for name, wanted in sources.items():
        rows = re.findall(r"^\| `([^`]+)` \|", tables[name], re.MULTILINE)
        assert rows == list(wanted), name
    assert tables["settings"].count("\n") == len(Settings.model_fields) + 1


@pytest.mark.parametrize("name", sorted(name for name, c in COMMANDS.items() if not c.hidden))
def test_every_command_explains_itself_with_an_example(name):
    help_text = COMMANDS[name].help or ""
    assert f"Example: relabel {name}" in help_text


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_variables_on_the_pages_exist(page):
    known = {
        variable
        for name, field in Settings.model_fields.items()
        for variable in TABLES.environment_names(name, field)
    }
    found = set(VARIABLE.findall(page.read_text()))
    assert found <= known | OF_LABEL_STUDIO | set(RETIRED)


def test_variables_of_the_compose_file_exist():
    known = {
        variable
        for name, field in Settings.model_fields.items()
        for variable in TABLES.environment_names(name, field)
    }
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(VARIABLE.findall(text)) <= known | OF_LABEL_STUDIO | OF_COMPOSE


def test_env_example_names_every_variable_that_the_compose_file_asks_for():
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    given = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked == given


def command_lines(text):
    """Yield every `relabel ...` command line of a page, from blocks and from inline code."""
    for language, block in FENCE.findall(text):
        if language in ("sh", "yaml", "ini", ""):
            for line in block.splitlines():
                match = re.search(r"(?:^|[\s/])relabel ((?!-)[a-z].*)$", line.split("  #")[0])
                if match:
                    yield match[1]
    outside = FENCE.sub("", text)
    yield from re.findall(r"`(?:\.venv/bin/)?relabel ([a-z][^`]*)`", outside)


def test_command_lines_are_found_where_they_are():
    text = "```sh\nexport A=1\n.venv/bin/relabel doctor -p 3   # why\n```\nand `relabel serve`."
    assert list(command_lines(text)) == ["doctor -p 3 ", "serve"]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_command_lines_parse(page):
    for line in command_lines(page.read_text()):
        name, *arguments = shlex.split(line, comments=True)
        assert name in COMMANDS, line
        command = COMMANDS[name]
        options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        for argument in arguments:
            if argument.startswith("-"):
                assert argument.split("=")[0] in options | {"--help"}, line
        if len(arguments) > 1:  # one alone may be an option that prose speaks about
            command.make_context(name, arguments, resilient_parsing=False)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_relative_links_and_images_exist(page):
    text = FENCE.sub("", page.read_text())
    for target in (a or b for a, b in LINK.findall(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def test_every_page_is_linked_from_the_readme():
    readme = (ROOT / "README.md").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT)) in readme


def test_images_are_small_and_used():
    text = "".join(page.read_text() for page in PAGES)
    for image in (ROOT / "docs" / "images").iterdir():
        assert image.stat().st_size < MAX_IMAGE_BYTES
        assert f"images/{image.name}" in text


def test_make_targets_on_the_pages_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        found = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE))
        assert found <= targets, page.name


def test_the_readme_shows_its_two_commands_as_blocks():
    blocks = [block.strip() for _, block in FENCE.findall((ROOT / "README.md").read_text())]
    assert "make demo" in blocks
    assert "make test" in blocks


def test_every_check_of_the_doctor_has_an_entry_of_its_own():
    there = anchors(ROOT / "docs" / "troubleshooting.md")
    for name in (*IN_STORE, *BEYOND, *CHECKS):
        assert name.replace(" ", "-") in there


def test_every_figure_of_the_status_and_column_of_the_export_is_explained(a_status):
    text = (ROOT / "docs" / "figures.md").read_text()
    explained = set(re.findall(r"`([a-z_]+)`", text))
    assert set(a_status) <= explained
    assert set(ExportRow.__dataclass_fields__) <= explained
    kinds = set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE))
    assert set(By) <= kinds


@pytest.fixture
def a_status(tmp_path):
    from relabel.service.insight.status import project_status
    from relabel.storage.database import open_database
    from relabel.storage.projects import Project, save_project

    settings = Settings(data_dir=tmp_path)
    engine = open_database(settings.database())
    config = (ROOT / "labelstudio_config" / "digits.xml").read_text()
    with engine.begin() as connection:
        save_project(connection, Project(1, "", "Digits", config, "", "", {}))
    yield project_status(engine, settings, 1)
    engine.dispose()


def test_every_page_of_the_dashboard_is_described_and_every_picture_is_taken_by_the_script():
    text = (ROOT / "docs" / "dashboard.md").read_text().lower()
    for name in (*DASHBOARD, *CONFIRMED):
        assert re.search(rf"\b{name}\b", text), name
    script = (ROOT / "docs" / "make_screenshots.py").read_text()
    taken = {
        f"dashboard-{name}.png" for name in re.findall(r'^    "([\w-]+)": \(', script, re.MULTILINE)
    }
    assert taken == {path.name for path in (ROOT / "docs" / "images").glob("dashboard-*")}


def test_there_are_ten_pictures():
    """One more takes the place of another: each is a file that everybody downloads for ever."""
    assert len(list((ROOT / "docs" / "images").iterdir())) == 10
