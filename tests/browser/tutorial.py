"""A reader who follows docs/tutorial.md to the letter: types its blocks, clicks what it says.

Run on a clone of the repository: .venv/bin/python tests/browser/tutorial.py FOLDER
"""

import csv
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from label_stream import CHROMIUM, WAIT_MS, LabelStream, label_stream, launch

HEADING = re.compile(r"^## (\d+)\. .*$", re.MULTILINE)
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
BOX = "Ctrl-C stops everything"
FIRST_ANSWERS = 12
SECOND_ANSWERS = 5
AUDITED = 2
"""Audited tasks that wait for the second annotator after a dozen votes."""
START_SECONDS = 1800
"""Of `make demo`; its first run installs everything."""
HEADLESS_SECONDS = 900


def sections(text):
    """Return the shell blocks of every numbered section, in order: {1: ["make demo\\n"], ...}."""
    parts = HEADING.split(text)[1:]
    return {
        int(number): BLOCK.findall(body)
        for number, body in zip(parts[::2], parts[1::2], strict=True)
    }


class Terminal:
    """A terminal window with a shell in it: commands are typed, and Ctrl-C is pressed."""

    def __init__(self, folder):
        master, slave = pty.openpty()
        self._master = master
        self._typed = 0
        self.text = ""
        environment = {
            key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ
        }
        self._shell = subprocess.Popen(
            ["setsid", "--ctty", "bash", "--norc", "--noprofile", "-i"],  # or Ctrl-C goes nowhere
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "dumb", "PS1": "$ "},
        )
        os.close(slave)

    def type(self, block):
        """Type a block and press Enter; what it prints is in `text` from here on."""
        self.text = ""
        self._typed += 1
        # Quoted, so that the typed line itself does not look like its own end.
        os.write(
            self._master, f"{block.rstrip()}\nprintf 'end%s: %d\\n' -{self._typed} $?\n".encode()
        )

    def wait_for(self, pattern, seconds):
        """Return the match of `pattern` in what was printed since the last `type`."""
        until = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text)
            if found:
                return found
            if time.monotonic() > until or self._shell.poll() is not None:
                raise AssertionError(f"no {pattern!r} within {seconds} s:\n{self.text[-3000:]}")
            if select.select([self._master], [], [], 0.2)[0]:
                self.text += os.read(self._master, 65536).decode(errors="replace").replace("\r", "")

    def run(self, block, seconds=300, *, code=0):
        """Type a block, wait for its end, and return what it printed."""
        self.type(block)
        ended = self.wait_for(rf"end-{self._typed}: (\d+)", seconds)
        assert code is None or int(ended[1]) == code, self.text[-3000:]
        return self.text

    def press_ctrl_c(self, seconds=60):
        """Interrupt what runs and wait until the shell is back."""
        os.write(self._master, b"\x03")
        time.sleep(1.0)  # what was typed before is dropped with it
        self.run("true", seconds)

    def close(self):
        """Close the window: what runs in it is told so."""
        os.close(self._master)
        try:
            self._shell.wait(30)
        except subprocess.TimeoutExpired:
            self._shell.kill()


@dataclass
class Reader:
    """Somebody with two terminals and a browser. people: (email, password) as the box says."""

    folder: Path
    browser: object
    first: Terminal
    second: Terminal
    url: str = ""
    people: list = field(default_factory=list)
    busy: bool = False

    def follow(self, number, blocks):
        """Do everything that one section asks for."""
        for block in blocks:
            self.type(block)
        action = ACTIONS.get(number)
        if action:
            action(self)

    def type(self, block):
        """Run one block in the terminal that the text says."""
        if not block.startswith("make demo"):
            assert "Error" not in self.second.run(block)
            return
        if self.busy:
            self.first.press_ctrl_c()
            self.busy = False
        if "--headless" in block:
            self.first.run(block, HEADLESS_SECONDS)
            return
        self.first.type(block)
        self.busy = True
        self.first.wait_for(BOX, START_SECONDS)
        self.read_box(self.first.text)

    def read_box(self, text):
        """Note the link, the users and the passwords."""
        box = re.sub(r"\s+", " ", re.sub(r"[│╭╮╰╯─]", " ", text[text.rindex("Open http") :]))
        self.url = re.search(r"Open (http://[\d.:]+)/projects/1/data", box)[1]
        self.people = re.findall(r"(annotator\d@example\.com) password (\w+)", box)
        self.people += re.findall(r"Administrator: (\S+) password (\w+)", box)
        if self.url != "http://127.0.0.1:8080":
            self.second.run(f"export LABEL_STUDIO_URL={self.url}")

    def true_label(self, stream):
        """See which digit it is."""
        truth = json.loads((self.folder / ".relabel-demo" / "truth.json").read_text())
        return truth[re.search(r"digit-\d+\.png", stream.image_name())[0]]

    def label(self, person, answers):
        """Press Label All Tasks and answer so many; return the tasks."""
        with label_stream(self.browser, self.url, *self.people[person]) as stream:
            stream.label_all_tasks(1)
            tasks = []
            for _ in range(answers):
                tasks.append(stream.task())
                stream.choose(self.true_label(stream))
                stream.submit()
        return tasks

    def status_when(self, right, seconds=120):
        """Ask for the status until votes have arrived, as people do who wait a moment."""
        until = time.monotonic() + seconds
        while True:
            text = self.second.run(".venv/bin/relabel status --project 1 --json")
            found = json.loads(text[text.index("{\n") : text.rindex("}") + 1])
            if right(found):
                return found
            assert time.monotonic() < until, found
            time.sleep(1)


def look_at_the_queue(reader):
    """Section 2: the administrator sees the tab with the open tasks."""
    with reader.browser.new_context(viewport={"width": 1400, "height": 860}) as context:
        page = context.new_page()
        LabelStream(page, reader.url).log_in(*reader.people[-1])
        page.goto(f"{reader.url}/projects/1/data")
        page.get_by_text("Relabel queue").first.wait_for(timeout=WAIT_MS)
        page.get_by_text(re.compile(r"50\s*/\s*1797")).first.wait_for(timeout=WAIT_MS)


def first_annotator(reader):
    """Section 3: a dozen answers, of which most disagree with the old label."""
    reader.asked = reader.label(0, FIRST_ANSWERS)
    assert len(set(reader.asked)) == FIRST_ANSWERS


def ask_for_status(reader):
    """Section 4: the number of votes, and most of them in progress."""
    found = reader.status_when(lambda s: s["votes"] == FIRST_ANSWERS and not s["pending_jobs"])
    assert found["in_progress"] > FIRST_ANSWERS / 2
    assert found["confirmed"] == FIRST_ANSWERS - found["in_progress"]
    reader.begun = found["in_progress"]


def second_annotator(reader):
    """Section 5: audited tasks, then those on which the first one disagreed, now corrected."""
    tasks = reader.label(1, SECOND_ANSWERS)
    assert set(tasks) <= set(reader.asked)
    votes = FIRST_ANSWERS + SECOND_ANSWERS
    found = reader.status_when(lambda s: s["votes"] == votes and not s["pending_jobs"])
    assert SECOND_ANSWERS - AUDITED <= found["corrected"] <= SECOND_ANSWERS
    assert found["in_progress"] == reader.begun - found["corrected"]


def what_was_learnt(reader):
    """Section 6: more rounds, and far more wrong labels served than a random order would have."""
    figures = json.loads((reader.folder / "demo.json").read_text())
    assert figures["rounds"] >= 2
    assert figures["served_wrong"] > 3 * figures["expected_served_wrong_random"]
    assert figures["queue_order_exact"]
    reader.figures = figures


def what_came_out(reader):
    """Section 7: the corrected labels are right; the report opens and says how many they are."""
    status = reader.status_when(lambda s: not s["pending_jobs"])
    truth = json.loads((reader.folder / ".relabel-demo" / "truth.json").read_text())
    with (reader.folder / "cleaned.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    changed = [row for row in rows if row["changed"] == "True"]
    right = sum(
        row["label"] == truth[re.search(r"digit-\d+\.png", row["image"])[0]] for row in changed
    )
    assert len(rows) == 1797
    assert len(changed) == status["corrected"] > 50
    assert right > 0.95 * len(changed)
    page = reader.browser.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "data:")) else complaints.append(r.url),
    )
    page.goto((reader.folder / "report.html").as_uri())
    assert page.locator("h1").inner_text() == "Label report: Digits with wrong labels"
    assert str(len(changed)) in page.locator(".tiles").inner_text()
    assert complaints == []
    page.close()


ACTIONS = {
    2: look_at_the_queue,
    3: first_annotator,
    4: ask_for_status,
    5: second_annotator,
    6: what_was_learnt,
    7: what_came_out,
}


def follow(folder, *, say=lambda _text: None):
    """Follow the tutorial of a clone in `folder` from its first line to its last."""
    found = sections((folder / "docs" / "tutorial.md").read_text())
    assert set(ACTIONS) < set(found)
    first, second = Terminal(folder), Terminal(folder)
    try:
        with launch() as browser:
            reader = Reader(folder, browser, first, second)
            for number, blocks in found.items():
                began = time.monotonic()
                reader.follow(number, blocks)
                say(f"section {number}: {time.monotonic() - began:.0f} s")
            if reader.busy:
                first.press_ctrl_c()
    finally:
        first.close()
        second.close()
    return reader


if __name__ == "__main__":
    assert CHROMIUM, "Chromium is not installed"
    done = follow(Path(sys.argv[1]).resolve(), say=print)
    sys.stdout.write(json.dumps(done.figures, indent=2) + "\n")
