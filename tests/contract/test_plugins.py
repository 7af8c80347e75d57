"""A package outside the repository adds a score and a selector, as docs/extending.md walks."""

import io
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from relabel.catalogue import plugins
from relabel.catalogue.options import options_of
from relabel.errors import ConfigurationError
from relabel.learning.data import TrainingData
from relabel.learning.selectors.registry import select
from relabel.service import connected
from relabel.service.connected import policy_of
from relabel.service.doctor.plugins import check_plugins
from relabel.service.rounds.run import run_round
from relabel.settings import Settings
from wiring import connect_project, deliver, state_of

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
KINDS = ("cat", "cat", "cat", "cat", "dog", "dog", "dog", "bird", "bird")


def blocks():
    """Return the walk's blocks: the project file, the module, the policy."""
    walk = PAGE.read_text().split("## A package of your own")[1].split("\n## ")[0]
    return re.findall(r"```\w+\n(.*?)```", walk, re.DOTALL)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put a package's module and metadata on the path, as pip would."""

    def install(pyproject, module):
        project = tomllib.loads(pyproject)["project"]
        name, version = project["name"], project["version"]
        folder = tmp_path / "site" / name
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        groups = [
            f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
            for group, points in project["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("\n".join(groups))
        stem = next(iter(next(iter(project["entry-points"].values())).values())).split(":")[0]
        (folder / f"{stem}.py").write_text(module)
        monkeypatch.syspath_prepend(str(folder))
        forget()
        return folder

    yield install
    monkeypatch.undo()
    forget()


def forget():
    """Let the packages be read anew, as a new process does."""
    plugins._points.cache_clear()
    plugins.plugins.cache_clear()
    connected._checked_before.cache_clear()


def package(name, group, key, value):
    points = f'[project.entry-points."{group}"]\n{key} = "{value}"\n'
    return f'[project]\nname = "{name}"\nversion = "1.0"\n{points}'


def test_the_walk_orders_a_real_round_by_a_score_and_a_selector_of_its_own(
    installed, context, fake
):
    pyproject, module, policy = blocks()
    installed(pyproject, module)
    number = fake.add_project(KINDS)
    for place, task in enumerate(fake.tasks.values()):
        picture = io.BytesIO()
        Image.new("L", (8, 8), 20 * place).save(picture, "PNG")
        fake.files[task["data"]["image"]] = picture.getvalue()
    connect_project(context, number, policy + 'encoder = "tiny"\nwindow = 3\naudit_share = 0.0\n')
    done = run_round(context, number)
    assert done.record["selector"] == "shares"
    fake.events.clear()
    before = state_of(context, number)
    assert follows_the_score(before)
    first = min(before.tasks, key=lambda number: before.tasks[number].score)
    fake.annotate(first, 1, "dog")
    deliver(context, fake)
    after = {number: task.score for number, task in state_of(context, number).tasks.items()}
    assert after[first] == min(after.values()) < before.tasks[first].score, "so is a vote's score"


def follows_the_score(state):
    """Return whether tasks with a lower score in Label Studio have a higher gini."""
    import relabel_shares

    data = TrainingData(state.counts.task_ids, state.counts.votes)
    probs = select("shares", data, {"pull": 2.0}, seed=0).posteriors.probs.astype(np.float64)
    gini = relabel_shares.gini(state.counts.votes, probs)
    shown = np.array([task.score for task in state.tasks.values()])
    falling = gini[np.argsort(shown, kind="stable")].round(6)
    return len(set(falling)) == 3 and (np.diff(falling) <= 0).all()


def test_its_options_are_checked_before_any_round(installed):
    pyproject, module, _ = blocks()
    installed(pyproject, module)
    assert options_of("selector", "shares")["pull"].type is float
    with pytest.raises(ConfigurationError, match="'shares' has no option 'pul'; its options: pull"):
        policy_of(Settings(), {"selector": "shares", "selector_options": {"pul": 1.0}})
    inside = {"of": ["linear", "shares"], "options": {"shares": {"pull": 1.0}}}
    policy_of(Settings(), {"selector": "ensemble", "selector_options": inside})


def test_nothing_of_it_is_imported_before_its_name_is_chosen(installed):
    pyproject, module, _ = blocks()
    folder = installed(pyproject, module)
    program = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "from relabel.service.connected import policy_of\n"
        "from relabel.settings import Settings\n"
        "policy_of(Settings(), '')\n"
        "assert 'relabel_shares' not in sys.modules\n"
        "policy_of(Settings(), {'selector': 'shares'})\n"
        "assert 'relabel_shares' in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("taken", "others"), [("shares", "relabel-shares 1.0"), ("linear", "label-studio-relabel")]
)
def test_a_name_that_two_packages_add_is_refused_and_the_rest_goes_on(installed, taken, others):
    pyproject, module, _ = blocks()
    installed(pyproject, module)
    installed(package("relabel-again", "relabel.selectors", taken, "again:pick"), "pick = print\n")
    with pytest.raises(ConfigurationError, match=rf"'{taken}' is added by .* and by .*: ") as error:
        policy_of(Settings(), {"selector": taken})
    assert others in str(error.value)
    assert "relabel-again 1.0" in str(error.value)
    finding = check_plugins()
    assert (finding.ok, finding.text) == (False, str(error.value))
    assert policy_of(Settings(), {"selector": "simifeat", "score": "gini"}).score == "gini"


BROKEN = {
    "raise RuntimeError('old')": "RuntimeError: old",
    "import no_such_module": "ModuleNotFoundError: No module named 'no_such_module'",
    "pick = 3": "is no function",
    "def pick(data, *, often): ...": "option 'often' has no type",
    "def pick(data, *, often: 'Many' = 3): ...": "its signature cannot be read",
}


@pytest.mark.parametrize("module", BROKEN)
def test_a_broken_plug_in_is_named_and_does_not_stop_the_rest(installed, module):
    pyproject, good, _ = blocks()
    installed(pyproject, good)
    installed(package("relabel-broken", "relabel.selectors", "bad", "bad_picks:pick"), module)
    sys.modules.pop("bad_picks", None)
    with pytest.raises(ConfigurationError, match=r"'bad' of relabel-broken 1\.0") as error:
        policy_of(Settings(), {"selector": "bad"})
    assert BROKEN[module] in str(error.value)
    finding = check_plugins()
    assert (finding.ok, finding.text) == (False, str(error.value))
    assert policy_of(Settings(), {"selector": "shares"}).selector == "shares"
    assert policy_of(Settings(), "").selector == "linear"
