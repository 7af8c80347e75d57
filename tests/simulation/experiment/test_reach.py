"""What `relabel simulate` is told reaches the selector: where, on what, and with which options."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from relabel.cli.app import build_app
from relabel.errors import ConfigurationError
from relabel.learning.encoders.embed import EmbeddingResult
from relabel.learning.training import checkpoints
from relabel.learning.training.checkpoints import Checkpoint
from relabel.learning.training.train import Training
from relabel.numerics.diversity.spread import Surroundings
from relabel.simulation.campaign.rankings import TWO_PHASE, Method, selector_of
from relabel.simulation.command import run_simulation
from relabel.simulation.data.encoding import with_images
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.experiment.options import give_options, parse_options
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import WEIGHING_ORACLE, Setting
from relabel.simulation.experiment.store import store_of
from relabel.simulation.papers.parts.campaigns import campaigns
from relabel.simulation.papers.parts.entry import Job, Numbers
from relabel.simulation.plan import SimulationOptions, plan, workers_of
from rich.console import Console
from typer.testing import CliRunner

SIDE = 12


@pytest.fixture(scope="module")
def digits():
    """Two hundred digits, with images."""
    return load_dataset("digits", Path()).rows(np.arange(200))


@pytest.fixture
def trained(monkeypatch):
    """Return what every training of a network was given: (inputs' shape, its `Training`)."""
    seen = []
    fit = Training.fit

    def noted(training, *arguments, **more):
        seen.append((tuple(training.inputs.shape), training))
        return fit(training, *arguments, **more)

    monkeypatch.setattr(Training, "fit", noted)
    return seen


@pytest.fixture(autouse=True)
def few(monkeypatch, digits):
    """Let every data set be a few digits."""
    monkeypatch.setattr("relabel.simulation.plan.load_dataset", lambda *_: digits)


@pytest.fixture
def run(tmp_path):
    """Return a function that runs `relabel simulate` on a few digits and raises what it raises."""

    def call(*arguments):
        fixed = ["--seeds", "1", "--budget", "30", "--workers", "1", "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(build_app(), ["simulate", *fixed, *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads((tmp_path / "out" / "summary.json").read_text())

    return call


@pytest.mark.slow
def test_the_command_trains_a_pixel_network_on_pixels(run, trained):
    summary = run(
        *("--selector", "co_teaching", "--score", "ce", "--image-size", str(SIDE)),
        *("--option", "network=cifar_resnet20", "--option", "epochs=2"),
        *("--option", "batch_size=64"),
    )
    assert trained, "a network was trained"
    for shape, training in trained:
        assert shape == (200, 3, SIDE, SIDE)
        assert training.epochs == 2
        assert training.batch_size == 64
    name = "co_teaching(batch_size=64, epochs=2, network=cifar_resnet20) ce"
    assert [row["method"] for row in summary["rows"]] == ["random", "oracle", name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("selector", "options"),
    [
        ("cross_fit", ["of=co_teaching", "folds=2", "options.co_teaching.epochs=3"]),
        ("ensemble", ['of=["co_teaching"]', "options={co_teaching={epochs=3}}"]),
        ("auto", ["fallback=co_teaching", "auto.options.co_teaching.epochs=3"]),
        ("co_teaching", ["epochs=3"]),
        (TWO_PHASE, ["epochs=3", "mix=0.5"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_options_arrive_through_whatever_runs_the_selector(run, trained, selector, options):
    score = "entropy" if selector == TWO_PHASE else "ce"
    run("--selector", selector, "--score", score, *(f"--option={text}" for text in options))
    assert {training.epochs for _, training in trained} == {3}
    # The digits' vectors, where no network is named that reads images.
    assert {len(shape) for shape, _ in trained} == {2}


@pytest.mark.slow
def test_an_option_goes_to_those_that_have_it(run, trained):
    names = [row["method"] for row in run(
        *("--selector", "linear,vanilla", "--score", "ce"),
        *("--option", "epochs=2", "--option", "linear.folds=3"),
    )["rows"]]  # fmt: skip
    assert names[2:] == ["linear(folds=3) ce", "vanilla(epochs=2) ce"]
    assert {training.epochs for _, training in trained} == {2}


@pytest.mark.parametrize(
    ("selector", "option", "told"),
    [
        ("linear", "fold=3", r"option fold = 3: .*linear has folds.*Did you mean 'folds'"),
        ("linear,vanilla", "epoch=3", r"option epoch = 3: .*epochs"),
        ("vanilla", "epochs=many", r"'epochs' of selector 'vanilla' is 'many'; it must be int"),
        ("vanilla", "vanilla.epoch=3", r"Selector 'vanilla' has no option 'epoch'.*'epochs'"),
        ("linear", "vanilla.epochs=3", r"option vanilla\.epochs.*linear"),
        ("linear", "folds", r"--option folds: .*name=value.*epochs=40"),
        ("linear", "folds=3\nfolds=4", r"--option.*folds"),
        (TWO_PHASE, "two_phase.folds=3", r"Selector 'co_teaching_vog' has no option 'folds'"),
        ("truth", "folds=3", "option folds = 3"),
        ("vanilla", "network=resnet9", r"Unknown network 'resnet9'; known: .*resnet18"),
        ("cross_fit", "options.vanilla.epoch=3", r"'vanilla' has no option 'epoch'"),
    ],
)
def test_an_option_that_cannot_be_is_refused(run, selector, option, told):
    score = "entropy" if selector == TWO_PHASE else "ce"
    options = [f"--option={text}" for text in option.split("\n")]
    with pytest.raises(ConfigurationError, match=told):
        run("--selector", selector, "--score", score, *options)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--device", "cuda:63"], r"device = cuda:63: .*auto"),
        (["--encoder", "resnet"], r"encoder='resnet' is unknown; known: .*resnet18"),
        (["--workers", "0"], "workers=0 must be at least 1"),
        (["--image-size", "600"], "image_size=600 .*512"),
        (["--image-size", "16"], r"image_size=16: .*linear.*--option network="),
        (["--selector", "vanilla", "--image-size", "16"], r"image_size=16: .*vanilla"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_computed(run, trained, arguments, told):
    with pytest.raises(ConfigurationError, match=told):
        run(*arguments)
    assert not trained


@pytest.mark.parametrize(
    ("selector", "options"),
    [
        ("ssl_linear", ()),
        ("vanilla", ("network=resnet18",)),
        ("cross_fit", ("options.vanilla.network=small_cnn",)),
        ("ensemble", ('of=["ssl_co_teaching"]',)),
    ],
)
def test_pixels_are_for_whoever_reads_them(tmp_path, selector, options):
    asked = SimulationOptions(
        selector=(selector,), score=("ce",), option=options, image_size=SIDE, out=tmp_path
    )
    setting, _ = plan(asked)
    assert setting.data.images.shape == (200, SIDE, SIDE, 3)


def test_an_encoder_that_is_named_replaces_the_vectors_that_the_data_bring(
    monkeypatch, digits, tmp_path
):
    own = np.ones((200, 3), dtype=np.float32)
    monkeypatch.setattr(
        "relabel.simulation.plan.load_dataset", lambda *_: replace(digits, features=own)
    )
    options = SimulationOptions(out=tmp_path)
    assert plan(options)[0].data.features is own
    setting, _ = plan(replace(options, encoder="tiny"))
    assert setting.data.features.shape == (200, 224)
    monkeypatch.setattr(
        "relabel.simulation.plan.load_dataset",
        lambda *_: replace(digits, features=own, images=None),
    )
    with pytest.raises(ConfigurationError, match=r"encoder='tiny': .*no images"):
        plan(replace(options, encoder="tiny"))


def test_device_and_weights_reach_the_encoder(monkeypatch, tmp_path):
    told = {}

    def noted(_load, digests, **arguments):
        told.update(arguments)
        return EmbeddingResult(np.ones((len(digests), 2), dtype=np.float32))

    monkeypatch.setattr("relabel.simulation.data.encoding.embed", noted)
    weights = tmp_path / "dinov2.pth"
    options = SimulationOptions(
        out=tmp_path, encoder="dinov2_vits14", encoder_weights=weights, device="cuda:1"
    )
    plan(options)
    assert told["encoder"] == "dinov2_vits14"
    assert told["weights"] == weights
    assert told["device"] == "cuda:1"


def test_campaigns_on_other_pixels_are_other_campaigns(digits, tmp_path):
    """What is kept of a run with images of one size is not read for another size."""
    first = np.zeros(200, dtype=np.int64)
    keys = {
        store_of(tmp_path, with_images(digits, side, max_pixels=100), first).key
        for side in (8, 12, 12)
    }
    assert len(keys) == 2


def test_pixels_are_those_of_a_round(tmp_path):
    """Squeezed to a square of three colours, as `image_size` does it in a live project."""
    data = load_dataset("digits", Path()).rows(np.arange(3))
    paths = []
    for row in range(3):
        paths.append(str(tmp_path / f"{row}.png"))
        data.picture(row, max_pixels=100).resize((20, 40)).save(paths[-1])
    found = with_images(replace(data, images=None, paths=tuple(paths)), SIDE, max_pixels=10_000)
    assert found.images.shape == (3, SIDE, SIDE, 3)
    with Image.open(paths[0]) as picture:
        expected = np.asarray(picture.convert("RGB").resize((SIDE, SIDE)))
    np.testing.assert_array_equal(found.images[0], expected)


def test_a_card_is_used_by_one_process_unless_told_otherwise():
    options = SimulationOptions(seeds=4)
    assert workers_of(replace(options, device="cuda")) == 1
    assert workers_of(replace(options, device="cuda", workers=3)) == 3
    assert workers_of(replace(options, workers=2)) == 2


def test_a_published_experiment_carries_device_and_options(monkeypatch, tmp_path):
    jobs = []
    monkeypatch.setattr(
        "relabel.simulation.command.run_entry",
        lambda _entry, _scale, job, _told: jobs.append(job) or 0,
    )
    options = SimulationOptions(
        paper="bernhardt2022",
        figure="3",
        out=tmp_path,
        option=("vanilla.epochs=3",),
        workers=2,
    )
    assert run_simulation(options, Console(quiet=True)) == 0
    assert jobs[0].device == "cpu"
    assert jobs[0].options == {"vanilla": {"epochs": 3}}
    assert jobs[0].workers == 2


def test_options_that_would_reach_nothing_are_refused(tmp_path):
    options = SimulationOptions(paper="kim2022", table="1", out=tmp_path, option=("epochs=3",))
    with pytest.raises(ConfigurationError, match=r"table 1 of kim2022 .* leave --option out"):
        run_simulation(options, Console(quiet=True))


def test_what_an_experiment_of_a_paper_would_pass_over_is_refused_by_name(tmp_path):
    options = SimulationOptions(
        paper="kim2022", table="1", out=tmp_path, dataset="cifar10h", seeds=2, image_size=32
    )
    with pytest.raises(ConfigurationError, match="leave out --dataset, --seeds, --image-size"):
        run_simulation(options, Console(quiet=True))


def test_the_campaigns_of_a_job_run_on_its_device_with_its_options(monkeypatch, digits, tmp_path):
    ran = []
    monkeypatch.setattr(
        "relabel.simulation.papers.parts.campaigns.run_experiment",
        lambda setting, methods, seeds, **_: ran.append((setting, methods, seeds)) or [],
    )
    job = Job(
        Path(),
        tmp_path,
        Numbers(1, 150),
        1,
        Console(),
        device="cuda",
        options=parse_options(["epochs=3"]),
    )
    methods = (Method("linear", "ce"), Method("vanilla", "ce", options={"smoothing": 0.1}))
    campaigns(Setting(digits, "symmetric", 0.2), methods, job)
    setting, told, _ = ran[0]
    assert setting.device == "cuda"
    assert [method.options for method in told] == [{}, {"smoothing": 0.1, "epochs": 3}]


def test_two_settings_of_one_selector_are_two_methods(digits, tmp_path):
    data = replace(digits, features=np.eye(200, 20, dtype=np.float32))
    methods = tuple(Method("vanilla", "ce", options={"epochs": n}) for n in (1, 2))
    setting = Setting(data, "symmetric", 0.2, budget=20)
    runs = run_experiment(setting, methods, (0,), folder=tmp_path)
    assert [run.method for run in runs][2:] == ["vanilla(epochs=1) ce", "vanilla(epochs=2) ce"]
    with pytest.raises(ConfigurationError, match="co_teaching"):
        give_options(methods, {"co_teaching": {"epochs": 1}})


def test_what_images_alone_teach_is_learnt_once_in_a_campaign(digits, tmp_path, monkeypatch):
    save, saved = Checkpoint.save, []

    def noted(checkpoint, *arguments, **more):
        saved.append(checkpoint.path.name.partition("-")[0])
        save(checkpoint, *arguments, **more)

    monkeypatch.setattr(Checkpoint, "save", noted)
    options = {"pretrain_epochs": 1, "epochs": 1}
    select = selector_of(
        "ssl_linear", digits, Surroundings(None, 0), 0, options=options, folder=tmp_path
    )
    for labels in (digits.truth, (digits.truth + 1) % 10):
        select(np.eye(10, dtype=np.int64)[labels], labels)
    assert saved == ["byol", "head.pt", "head.pt"]


def test_the_weighing_oracle_is_run_once_whatever_the_options(digits):
    data = replace(digits, features=np.eye(200, 20, dtype=np.float32))
    methods = tuple(
        Method("linear", "ce", consensus="posterior", options={"folds": n}) for n in (2, 3)
    )
    runs = run_experiment(Setting(data, "symmetric", 0.2, budget=20), methods, (0,))
    assert [run.method for run in runs].count(WEIGHING_ORACLE) == 1


def test_a_training_that_is_killed_goes_on_from_its_last_checkpoint(digits, tmp_path, monkeypatch):
    data = replace(digits, features=np.eye(200, 20, dtype=np.float32))
    counts = np.eye(10, dtype=np.int64)[digits.truth]
    save, saved, last = Checkpoint.save, [], [0]

    def then_die(checkpoint, *arguments, epochs, **more):
        save(checkpoint, *arguments, epochs=epochs, **more)
        saved.append(epochs)
        if epochs == last[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "SAVE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(Checkpoint, "save", then_die)

    def learn(folder):
        saved.clear()
        around = Surroundings(data.features, 0)
        select = selector_of(
            "vanilla", data, around, 0, options={"epochs": 4}, folder=tmp_path / folder
        )
        return select(counts, digits.truth).posteriors.probs

    whole = learn("whole")
    assert saved == [1, 2, 3, 4]
    last[0] = 2
    with pytest.raises(KeyboardInterrupt):
        learn("cut")
    last[0] = 0
    np.testing.assert_array_equal(learn("cut"), whole)
    assert saved == [3, 4]
    assert not list(tmp_path.rglob("*.pt")), "what is finished leaves nothing"
