"""Commands that write what votes have found into files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relabel.cli.options import ProjectOption, console, opened
from relabel.errors import ConfigurationError, NotReadyError
from relabel.files import check_file

if TYPE_CHECKING:
    from relabel.service.export.archive import Archive
    from relabel.service.export.export import Export


def export(
    project: ProjectOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    form: Annotated[str, typer.Option("--format", "-f", help="csv, json, label-studio.")] = "csv",
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--settled-by",
            help="Only tasks settled by people, people-and-model, person-and-model, old-label, "
            "person or nobody. Repeat it for several.",
        ),
    ] = None,
    back: Annotated[
        bool, typer.Option("--write-back", help="Also write settled labels into task.data.")
    ] = False,
) -> None:
    """Write cleaned labels, soft labels and their provenance to a file.

    Example: relabel export --project 3 --format json --out cleaned.json
    """
    from relabel.service.export.archive import NAMES, find_archive, take_out
    from relabel.service.export.export import FORMATS, Export, write_back, write_export
    from relabel.service.votes.settled import kinds_named

    if form not in FORMATS:
        raise ConfigurationError(f"--format {form!r}: choose one of {', '.join(FORMATS)}.")
    kept = kinds_named(by or [])
    check_file(out, "--out")
    with opened() as context:
        archive = find_archive(context.engine, context.settings, project)
        if archive is not None and back:
            raise NotReadyError(
                f"Project {project} was detached on {archive.day}: connect it to write labels back."
            )
        if archive is not None and by:
            raise NotReadyError(
                f"Project {project} was detached on {archive.day}, and all its tasks were written: "
                "leave out --settled-by, and choose by the column settled_by."
            )
        if archive is not None:
            take_out(archive, NAMES[form], out)
            lost = archive.lost if form == "label-studio" else ()
            _print_exported(out, Export(archive.tasks, archive.corrected, tuple(lost)))
            console.print(_as_detached(archive), highlight=False, markup=False)
            return
        _print_exported(out, write_export(context, project, form, out, kept))
        if back:
            console.print(f"Wrote {write_back(context, project, kept)} labels into task.data.")


def _print_exported(out: Path, made: "Export") -> None:
    text = f"{out}: {made.tasks} tasks, {made.corrected} of them corrected."
    for line in (text, *made.told):
        console.print(line, highlight=False, markup=False)


def _as_detached(archive: "Archive") -> str:
    return (
        f"Project {archive.project} ({archive.title}) was detached on {archive.day}: this is what "
        f"was written then."
    )


def report(
    project: ProjectOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path("report.html"),
) -> None:
    """Write one HTML file that says what was found, with curves and examples.

    Example: relabel report --project 3 --out report.html
    """
    from relabel.service.export.archive import REPORT, find_archive, take_out
    from relabel.web.pages.report import write_report

    check_file(out, "--out")
    with opened() as context:
        archive = find_archive(context.engine, context.settings, project)
        if archive is None:
            write_report(context, project, out)
        else:
            take_out(archive, REPORT, out)
            console.print(_as_detached(archive), highlight=False, markup=False)
        console.print(f"{out} is written: open it in a browser, or print it.", highlight=False)
