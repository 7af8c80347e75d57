"""Commands that work on a connected project."""

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from relabel.cli.options import ProjectOption, RunOption, console, opened
from relabel.errors import RoundCancelledError, RoundInProgressError

if TYPE_CHECKING:
    from relabel.service.commands import Wish
    from relabel.service.context import Context


def round_(
    project: ProjectOption,
    due: Annotated[bool, typer.Option(help="Only if one is due.", hidden=True)] = False,
) -> None:
    """Train the selector and re-order the queue now.

    Example: relabel round --project 3
    """
    from relabel.service.rounds.due import round_due_now
    from relabel.service.rounds.process import leave
    from relabel.service.rounds.run import run_round
    from relabel.settings import set_threads

    set_threads()
    with opened() as context:
        reason = round_due_now(context, project)
        if due and not reason:
            return
        if due:
            logging.getLogger("relabel.round").info("project %s: %s", project, reason)
        try:
            done = run_round(context, project, leave=leave)
        except RoundInProgressError:
            if due:
                return
            raise
        except RoundCancelledError as error:
            console.print(str(error), highlight=False, markup=False)
            # To end well would take seconds, and wait for threads that wait for a connection.
            leave()
        console.print(f"Round {done.number} is published as {done.model_version}.")
        for key, value in done.record.items():
            console.print(f"  {key.replace('_', ' ')}: {value}", highlight=False, markup=False)


def reconcile(project: ProjectOption) -> None:
    """Read the whole project again and repair whatever was missed.

    Example: relabel reconcile --project 3
    """
    from relabel.cli.progress import shown_progress
    from relabel.service.insight.status import project_status
    from relabel.service.sync.sweep import sweep_project
    from relabel.storage.database import reading
    from relabel.storage.projects import get_project

    with opened() as context:
        with reading(context.engine) as connection:
            known = get_project(connection, project)
        with shown_progress() as progress:
            progress("reading the whole project", 0, 1)
            sweep_project(context, known, full=True)
        figures = project_status(context.engine, context.settings, project)
        console.print(f"{figures['tasks']} tasks, {figures['votes']} votes since connecting.")


def pause(project: ProjectOption) -> None:
    """Close the queue and start no rounds until resumed.

    Example: relabel pause --project 3
    """
    from relabel.service import commands

    _steer(project, commands.pause)


def resume(project: ProjectOption) -> None:
    """Open the queue again.

    Example: relabel resume --project 3
    """
    from relabel.service import commands

    _steer(project, commands.go_on)


def audit(
    project: ProjectOption,
    tasks: Annotated[
        int | None, typer.Option(min=0, help="How many more; 0 takes it back. Else those needed.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else only say it.")] = False,
) -> None:
    """Ask about more tasks of the audit than the votes give, before all others.

    Without --apply it only says what that would do; without --tasks it is as many as it takes until
    it can be said that enough is found.

    Example: relabel audit --project 3 --tasks 40
    """
    from relabel.service import commands
    from relabel.service.insight.consequences import of_auditing

    with opened() as context:
        found = of_auditing(context.engine, context.settings, project, tasks)
        wished = next((one for one in found if one.takes_back == (tasks == 0)), None)
        if wished is None:
            console.print("Nothing to ask for or to take back: enough is known, or tasks wait.")
            return
        for effect in wished.effects:
            console.print(f"  - {effect}", highlight=False, markup=False)
        if apply:
            commands.ask_for_audit(context.engine, context.settings, project, wished.run)
            _follow(context, project)
            return
        more = "" if tasks is None else f" --tasks {tasks}"
        console.print(f"To do it: relabel audit --project {project}{more} --apply", highlight=False)


def _steer(number: int, change: "Wish") -> None:
    """Do what the dashboard's button does, and wait until Label Studio has it."""
    with opened() as context:
        change(context.engine, number)
        _follow(context, number)


def _follow(context: "Context", number: int) -> None:
    """Carry out what was journalled, and say whether people are given tasks then."""
    from relabel.cli.progress import shown_progress
    from relabel.service.queue.notices import queue_sentence
    from relabel.service.sync.catch_up import carry_out

    with shown_progress() as progress:
        carry_out(context, number, progress=progress)
    console.print(queue_sentence(context, number), highlight=False, markup=False)


def cancel(project: ProjectOption) -> None:
    """Cancel the running round; queue and votes stay as they are.

    Example: relabel cancel --project 3
    """
    from relabel.service import commands
    from relabel.storage.database import reading
    from relabel.storage.rounds import running_round

    with opened() as context:
        with reading(context.engine) as connection:
            running = running_round(connection, project)
        commands.cancel_round(context.engine, project, running.run if running else "")
        console.print("The round ends within a second or two; the queue stays as it was.")


def settle(
    project: ProjectOption,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else only say it.")] = False,
) -> None:
    """Let the consensus in force decide all tasks that have votes.

    Without --apply it only says what would change: a new round and a changed policy settle and
    reopen nothing by themselves. To take it back: relabel undo --project 3 --run settle

    Example: relabel settle --project 3
    """
    from relabel.service.queue.settle import preview_settling, settle_all

    with opened() as context:
        done = (settle_all if apply else preview_settling)(context, project)
        console.print(done.sentence(), highlight=False, markup=False)
        if done.tasks and not apply:
            console.print(f"To do it: relabel settle --project {project} --apply", highlight=False)


def undo(project: ProjectOption, run: RunOption = None) -> None:
    """Take back what a run wrote: the last round, labels written back, or `relabel settle`.

    Without --run it only says what could be undone.

    Example: relabel undo --project 3 --run round-2
    """
    from relabel.service.insight.consequences import of_undoing
    from relabel.service.queue.undo import undo_run

    with opened() as context:
        if run is not None:
            for line in undo_run(context, project, run):
                console.print(f"  - {line}", highlight=False)
            return
        found = of_undoing(context.engine, context.settings, project)
        for one in found:
            console.print(f"--run {one.run}", highlight=False)
            for effect in one.effects:
                console.print(f"  - {effect}", highlight=False, markup=False)
        if not found:
            console.print("There is nothing to undo, or a round is running.")
