"""What a connected project's books say, wherever they are shown."""

from fake_label_studio import result
from relabel.cli.inspect import status_table
from relabel.service.books.accounts import project_accounts
from relabel.service.insight.overview import read_overview
from relabel.service.insight.status import project_status
from relabel.service.sync.sweep import sweep_project
from relabel.web.metrics import metrics_text
from relabel.web.overviews import Overviews
from relabel.web.pages.report import write_report
from rich.console import Console
from wiring import deliver, publish_round, state_of

ANN1, ANN2, ANN3 = 1, 2, 3


def lines_of(context, number):
    return project_accounts(state_of(context, number), 0).lines()


def test_labels_that_are_no_class_are_counted_with_the_nearest_class(context, connected):
    number = connected(["cat", "cat", "Dog", "Dog", "bird ", "0.0"])
    assert lines_of(context, number)[-3:] == (
        "6 labels: 2 from annotations by 1 person, 4 left out",
        (
            '  left out: 4 are no class of this config: "Dog" 2 (nearest: dog), "0.0", '
            '"bird " (nearest: bird)'
        ),
        "0 answers",
    )


def test_every_kind_of_answer_has_its_place(context, connected, fake):
    number = connected(["cat"] * 8, 'window = 8\ncannot_tell = "bird"')
    publish_round(context, number, {})
    tasks = list(fake.tasks)
    fake.annotate(tasks[0], ANN1, "cat")
    fake.annotate(tasks[1], ANN1, "dog")
    fake.annotate(tasks[2], ANN1, "bird")
    fake.annotate(tasks[3], ANN1, cancelled=True)
    fake.annotate(tasks[4], ANN1)
    fake.annotate(tasks[5], ANN1, "cats")
    odd = fake.annotate(tasks[6], ANN1, "cat")
    fake.annotations[odd]["result"] = result(["cat", "dog"])
    fake.annotate(tasks[7], ANN1, "dog")
    fake.annotate(tasks[7], ANN1, "cat")
    deliver(context, fake)
    book = project_accounts(state_of(context, number), 0).book("answers")
    assert {part.name: part.count for part in book.parts if part.count} == {
        "votes": 3,
        "abstentions": 1,
        "skipped": 1,
        "no_answer": 1,
        "unknown_class": 1,
        "unreadable": 1,
        "replaced": 1,
    }
    assert '"cats" (nearest: cat)' in "\n".join(book.lines())


def test_tasks_are_in_one_part_each(context, connected, fake):
    number = connected(["cat", "cat", "dog", "dog", "bird", None], "window = 3")
    publish_round(context, number, {})
    tasks = list(fake.tasks)
    fake.annotate(tasks[0], ANN1, "cat")
    fake.annotate(tasks[1], ANN1, "dog")
    deliver(context, fake)
    book = project_accounts(state_of(context, number), 0).book("tasks")
    counted = {part.name: part.count for part in book.parts if part.count}
    assert counted == {"settled": 1, "begun": 1, "waiting": 3, "unlabelled": 1}
    assert f"1 without a label to check: task {tasks[5]}" in "\n".join(book.lines())


def test_annotations_of_deleted_users_are_votes_of_their_own_and_named(context, connected, fake):
    number = connected(["cat"] * 3, "window = 3")
    publish_round(context, number, {})
    for person in (ANN1, ANN2):
        fake.annotate(next(iter(fake.tasks)), person, "dog")
        fake.delete_user(person)
    fake.events.clear()  # nothing was told while they still had a name
    sweep_project(context, state_of(context, number).project, full=True)
    text = "\n".join(lines_of(context, number))
    assert "2 answers: 2 of deleted users, together one voter per task" in text


def test_images_that_fail_are_counted_by_reason(context, connected, fake):
    from relabel.storage.tasks import set_problems

    number = connected(["cat"] * 4)
    first, second, third, _ = fake.tasks
    with context.engine.begin() as connection:
        set_problems(
            connection,
            number,
            {
                first: "/data/upload/1/a.png: answered 404",
                second: "/data/upload/1/b.png: answered 404",
                third: "cannot be decoded: a web page",
            },
        )
    text = "\n".join(lines_of(context, number))
    assert '3 cannot be used: "answered 404" 2, "cannot be decoded: a web page"' in text
    assert f"3 whose image cannot be used: task {first}, task {second}, task {third}" in text


def test_the_same_books_are_shown_everywhere(context, connected, tmp_path):
    number = connected(["cat", "dog", "Dog"])
    told = '1 are no class of this config: "Dog" (nearest: dog)'
    overview = read_overview(context.engine, context.settings, number)
    assert told in "\n".join(overview.accounts.lines())
    status = project_status(context.engine, context.settings, number)
    assert status["accounts"] == overview.accounts.to_json()
    console = Console(width=200, record=True)
    console.print(status_table(status))
    assert told in console.export_text()
    metrics = metrics_text(context.engine, Overviews(context.engine, context.settings), [])
    wanted = f'relabel_accounts{{book="labels",part="unknown_class",project="{number}"}} 1.0'
    assert wanted in metrics
    write_report(context, number, tmp_path / "report.html")
    assert "are no class of this config" in (tmp_path / "report.html").read_text()


def test_an_answer_that_cannot_be_read_is_named_with_the_reason(context, connected, fake):
    number = connected(["cat", "dog"])
    task = min(fake.tasks)
    fake.annotate(task, ANN1, "cat", "dog")
    deliver(context, fake)
    told = f"  left out: 1 cannot be read as one choice: task {task} (2 choices at once)"
    assert told in lines_of(context, number)
