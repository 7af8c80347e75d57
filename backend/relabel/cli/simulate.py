"""Commands that show what cleaning would bring: demo, simulate, forecast."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from relabel.cli.options import JsonOption, ProjectOption, console, opened

ConsensusOption = Annotated[
    str, typer.Option(help='"majority", or "posterior": people and the model. Or both.')
]
ConfidenceOption = Annotated[
    float, typer.Option(help='What the consensus "posterior" settles a task at.')
]
AuditOption = Annotated[
    float, typer.Option(help="Share of votes for tasks in random order, judged by people alone.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
WorkersOption = Annotated[
    int | None, typer.Option(help="Processes, one seed each; on a GPU one unless told.")
]
EncoderOption = Annotated[
    str | None, typer.Option(help="What turns images into vectors, in place of their own.")
]
WeightsOption = Annotated[Path | None, typer.Option(help="Local file of the encoder's weights.")]
SizeOption = Annotated[
    int, typer.Option(help="Pixels per side for networks on pixels; 0 = as they are.")
]
SelectorOption = Annotated[
    list[str] | None,
    typer.Option(help="Of the selectors: epochs=40 or co_teaching.epochs=40; repeatable."),
]
PaperOption = Annotated[
    str | None, typer.Option(help="A published experiment of this paper; see --list.")
]
FigureOption = Annotated[str | None, typer.Option(help='Number of its figure, "3" or "S2".')]
TableOption = Annotated[str | None, typer.Option(help="Number of its table.")]
ScaleOption = Annotated[str, typer.Option(help='"small", or "paper": as much as the paper did.')]
ListOption = Annotated[bool, typer.Option("--list", help="Show what can be run of which paper.")]


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Simulated annotators.")] = False,
    annotators: Annotated[int, typer.Option(help="Simulated annotators.")] = 3,
    votes: Annotated[int, typer.Option(help="Votes of the simulated annotators.")] = 150,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="File for the figures of a headless run.")
    ] = None,
    home: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path(".relabel-demo"),
    label_studio: Annotated[
        Path, typer.Option("--label-studio-bin", help="Folder with the label-studio command.")
    ] = Path(".venv-label-studio/bin"),
) -> None:
    """Start a real Label Studio with handwritten digits, a fifth of them wrongly labelled.

    Example: relabel demo --headless --votes 150 --json demo.json
    """
    from relabel.demo.run import run_demo

    code = run_demo(
        home=home,
        headless=headless,
        annotators=annotators,
        votes=votes,
        json_out=json_out,
        label_studio_bin=label_studio,
    )
    raise typer.Exit(code)


def simulate(
    dataset: Annotated[str, typer.Option(help="Data set whose truth is known.")] = "digits",
    data_dir: Annotated[Path, typer.Option(help="Folder with its files.")] = Path("data"),
    choices: Annotated[
        str, typer.Option(help="<Choices> tag to read of a Label Studio export with several.")
    ] = "",
    noise: Annotated[str | None, typer.Option(help="Noise model; default by data set.")] = None,
    noise_rate: Annotated[float | None, typer.Option(help="Share of wrong labels.")] = None,
    selector: Annotated[str, typer.Option(help="One or several, comma-separated.")] = "linear",
    score: Annotated[str, typer.Option(help='One or several, or "gain".')] = "phi,ce,tiered_phi",
    diversity: Annotated[str, typer.Option(help="One or several.")] = "none",
    consensus: ConsensusOption = "majority",
    confidence: ConfidenceOption = 0.95,
    audit_share: AuditOption = 0.0,
    seeds: Annotated[int, typer.Option(help="Repetitions.")] = 5,
    budget: Annotated[int | None, typer.Option(help="Votes; default one per task.")] = None,
    retrain_every: Annotated[int | None, typer.Option(help="Votes between rounds.")] = None,
    annotators: Annotated[
        str, typer.Option(help='"crowd", or accuracies such as "0.95,0.9@0.5".')
    ] = "crowd",
    at_once: Annotated[
        bool, typer.Option("--at-once", help="These annotators work at the same time.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("simulation"),
    paper: PaperOption = None,
    figure: FigureOption = None,
    table: TableOption = None,
    scale: ScaleOption = "small",
    listed: ListOption = False,
    device: DeviceOption = "cpu",
    workers: WorkersOption = None,
    encoder: EncoderOption = None,
    encoder_weights: WeightsOption = None,
    image_size: SizeOption = 0,
    option: SelectorOption = None,
) -> None:
    """Simulate relabelling campaigns on data whose truth is known.

    Example: relabel simulate --dataset digits --seeds 3 --out OUT
    """
    given = locals()  # every parameter is a field of the options
    from relabel.simulation.command import run_simulation
    from relabel.simulation.plan import SimulationOptions

    lists = {key: _names(given[key]) for key in ("selector", "score", "diversity", "consensus")}
    options = SimulationOptions(**{**given, **lists, "option": tuple(option or ())})
    raise typer.Exit(run_simulation(options, console))


def forecast(
    project: ProjectOption,
    target: Annotated[float, typer.Option(help="Share of right labels to reach.")] = 0.95,
    as_json: JsonOption = False,
) -> None:
    """Forecast how many votes a project still needs, and what the other consensus would save.

    Example: relabel forecast --project 3 --target 0.95
    """
    from relabel.service.insight.forecast import forecast_project

    with opened() as context:
        told = forecast_project(context, project, target=target)
    if as_json:
        typer.echo(json.dumps(asdict(told), indent=2))
        return
    found = told.to_come
    rows = {
        f"votes to {target:.0%} right labels": found.votes,
        "votes in random order": found.random,
        f"labels that the next {found.ahead} votes change": found.found,
    }
    if not told.unknown:
        rows |= {
            f"votes fewer with {found.other}": found.fewer,
            "right labels now": found.correct_now,
            "wrong labels at the start": found.noise_rate,
        }
    table = Table("figure", "estimate", "range", title=f"Forecast for project {project}")
    for name, one in rows.items():
        interval = "-" if told.unknown else f"{_figure(one.low)} to {_figure(one.high)}"
        table.add_row(name, _figure(one.value), interval)
    console.print(table)
    if told.unknown:
        console.print(
            f"How many labels people would change is {told.unknown}; until then the votes are a "
            "guess, and no interval would hold."
        )
    else:
        console.print("In simulations such a range held seven times in ten: docs/simulation.md.")
    if told.so_far:
        console.print(told.so_far.sentence())


def _figure(value: float | None) -> str:
    return "never" if value is None else f"{value:,.0f}" if abs(value) >= 1 else f"{value:.3g}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
