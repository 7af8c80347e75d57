"""Commands that set a project up or give it back."""

from typing import TYPE_CHECKING, Annotated

import typer

from relabel.cli.options import ProjectOption, YesOption, console, opened
from relabel.errors import NotReadyError

if TYPE_CHECKING:
    from relabel.service.context import Context
    from relabel.service.setup.connect import ConnectPlan


def connect(
    project: ProjectOption,
    params: Annotated[
        str | None, typer.Option(help="Policy keys, e.g. 'encoder = \"tiny\"'.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Connect a project: read it, set its queue up, register backend, webhook and tab.

    Example: relabel connect --project 3 --dry-run
    """
    from relabel.cli.progress import shown_progress
    from relabel.service.insight.status import project_status
    from relabel.service.setup.connect import connect as connect_project
    from relabel.service.setup.connect import plan_connect
    from relabel.service.setup.survey import check_minimum

    with opened(new=True) as context:
        with shown_progress() as progress:
            progress("reading the project", 0, 1)
            plan = plan_connect(context, project, params)
        if plan.survey is not None:
            for line in plan.survey.lines():
                console.print(line, highlight=False, markup=False, soft_wrap=True)
        console.print(f"Connecting project {project} ({plan.project.title}) will", highlight=False)
        for step in plan.steps:
            console.print(f"  - {step}", highlight=False, markup=False)
        wrong = _look_ahead(context, plan, dry_run=dry_run)
        if plan.survey is not None:
            check_minimum(plan.survey)
        if dry_run:
            return
        if wrong:
            raise NotReadyError(f"Nothing was written: {wrong}")
        if not yes and not typer.confirm("Go on?"):
            raise typer.Exit(1)
        with shown_progress() as progress:
            connect_project(context, plan, progress=progress)
        figures = project_status(context.engine, context.settings, project)
        for line in (line for book in figures["accounts"].values() for line in book["lines"]):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"Connected. The first round starts by itself; see: relabel status -p {project}")


def _look_ahead(context: "Context", plan: "ConnectPlan", *, dry_run: bool) -> str:
    """Say what would fail later, or where weights come from; return why not to connect, "" = do."""
    from relabel.service.doctor.weights import examine_weights
    from relabel.service.setup.own_address import ask_own_address, is_loopback

    weights = examine_weights(plan.policy, context.hub)
    unheard = ask_own_address(context.settings)
    remedy = "Start the backend there first (relabel serve), or set RELABEL_URL to its address."
    problems = [f"{unheard}. {remedy}"] if unheard else []
    if weights.ok:
        console.print(f"Encoder: {weights.text}.", highlight=False, markup=False, soft_wrap=True)
    else:
        problems.append(f"{weights.text}.")
    if problems and is_loopback(context.settings) and not dry_run:
        return problems[0]
    for problem in problems:
        # Where the backend runs on another machine, that may be able to do what this one is not.
        console.print(f"Warning: {problem}", highlight=False, markup=False, soft_wrap=True)
    return ""


def detach(project: ProjectOption, yes: YesOption = False) -> None:
    """Give a project back as it was before; people's annotations stay.

    Its labels and its report are written first, into the data folder.

    Example: relabel detach --project 3
    """
    from relabel.cli.progress import shown_progress
    from relabel.service.export.archive import REPORT, archives, what_was_not_exported
    from relabel.service.setup.detach import detach as detach_project
    from relabel.web.pages.report import write_report

    with opened() as context:
        console.print(what_was_not_exported(context, project), highlight=False, markup=False)
        if not yes and not typer.confirm(
            f"Write the labels and the report of project {project} into "
            f"{archives(context.settings)}, remove its backend, webhook, tab and predictions, "
            f"restore its settings and forget its rounds? (Best while nobody labels.)"
        ):
            raise typer.Exit(1)
        with shown_progress() as progress:
            lines = detach_project(context, project, also={REPORT: write_report}, progress=progress)
        for line in lines:
            console.print(f"  - {line}", highlight=False, markup=False)
        console.print(
            f"Project {project} is as it was before relabelling; people's annotations stay."
        )


def forget(
    project: ProjectOption,
    force: Annotated[
        bool, typer.Option("--force", help="Also if it still exists, or nobody can say.")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Forget a project that no longer exists in Label Studio.

    Example: relabel forget --project 3
    """
    from relabel.service.setup.forget import check_forgettable
    from relabel.service.setup.forget import forget as forget_project

    with opened() as context:
        if not force:
            check_forgettable(context, project)
        if not yes and not typer.confirm(f"Forget all that is stored about project {project}?"):
            raise typer.Exit(1)
        known, said = forget_project(context, project, force=force)
        console.print(f"{known}: {said}.", highlight=False, markup=False)
