"""A project of forty tasks in which each thing stands that is odd in somebody's project.

The images are digits, so each task has a true label; what is odd is how they were labelled, by whom
and how their images are kept.
"""

import base64
import io

import numpy as np
from PIL import Image
from relabel.demo import accounts, api, digits
from relabel.demo.digits import CLASSES
from relabel.demo.upload import choice, image_name

UNSURE = "cannot tell"
CONFIG = (
    '<View><Header value="Patient $patient, front view"/>'
    '<Image name="image" value="$views[0].file"/>'
    '<View className="side"><Choices name="label" toName="image" choice="single">'
    + "".join(f'<Choice value="{name}"/>' for name in (*CLASSES, UNSURE))
    + "</Choices></View>"
    '<RectangleLabels name="box" toName="image"><Label value="thing"/></RectangleLabels>'
    '<TextArea name="seven" toName="image" visibleWhen="choice-selected" whenTagName="label" '
    'whenChoiceValue="7"/></View>'
)
BOX = {
    "id": "r1",
    "from_name": "box",
    "to_name": "image",
    "type": "rectanglelabels",
    "original_width": 8,
    "original_height": 8,
    "value": {"x": 1.5, "y": 2, "width": 30, "height": 4, "rectanglelabels": ["thing"]},
}
TEXT = {
    "from_name": "seven",
    "to_name": "image",
    "type": "textarea",
    "value": {"text": ["seen twice, é猫"]},
}
THEIRS = {"score": 0.3, "model_version": "theirs"}
NO_IMAGE = ("missing", "page", "no_address", "foreign")
"""Kinds of tasks whose image cannot be read."""
KINDS = {
    "right": 5,
    "wrong": 5,
    "two_agree": 2,
    "two_differ": 2,
    "ground_truth": 1,
    "boxed": 2,
    "predicted": 2,
    "drafted": 1,
    "authorless": 2,
    "unlabelled": 2,
    "skipped_before": 1,
    "empty_before": 1,
    "unknown": 2,
    "two_choices": 1,
    "box_only": 1,
    "unsure_before": 1,
    "base64": 1,
    "sixteen_bits": 1,
    "not_a_number": 1,
    "turned": 1,
    "twin": 1,
    **dict.fromkeys(NO_IMAGE, 1),
}
"""How many tasks there are of each kind."""
KINDS_IN_ORDER = tuple(kind for kind, count in KINDS.items() for _ in range(count))
SPARE = 2
"""Digits for tasks that are added later."""


class OddProject:
    """The project, not connected yet. kinds: ids by kind; truth: the right class by id."""

    def __init__(self, label_studio):
        self.label_studio, self.admin = label_studio, label_studio.admin
        self.leaver = self.sign_up("gone-before")
        settings = {"title": "Odd", "label_config": CONFIG, "expert_instruction": "Look twice."}
        self.id = int(api.post(self.admin, "/api/projects/", settings)["id"])
        self.digits = digits.load(0.0, np.random.default_rng(0), limit=len(KINDS_IN_ORDER) + SPARE)
        self.stored = self.upload({**self.files(), **self.plain_files()})
        ids = self.add([self.body(kind, row) for row, kind in enumerate(KINDS_IN_ORDER)])
        self.kinds = {
            kind: [i for i, of in zip(ids, KINDS_IN_ORDER, strict=True) if of == kind]
            for kind in KINDS
        }
        self.truth = {i: self.true_label(row) for row, i in enumerate(ids)}
        self.truth[self.kinds["twin"][0]] = self.true_label(0)
        rows = [{"task": i, "result": choice("4"), **THEIRS} for i in self.kinds["predicted"]]
        api.post(self.admin, f"/api/projects/{self.id}/import/predictions", rows)
        draft = {"result": choice("6"), "lead_time": 1.0}
        api.post(self.admin, f"/api/tasks/{self.kinds['drafted'][0]}/drafts", draft)
        self.admin.delete(f"/api/users/{self.leaver.id}/")

    def sign_up(self, name):
        email = f"{name}@example.com"
        return accounts.sign_up(self.admin, email, "leaver-password", ("Leaver", name))

    def true_label(self, row):
        return CLASSES[self.digits.truth[row]]

    def wrong_label(self, row):
        return CLASSES[(self.digits.truth[row] + 1) % len(CLASSES)]

    def upload(self, files):
        """Return the address of each file by its name."""
        parts = {name: (name, body, "image/png") for name, body in files.items()}
        path = f"/api/projects/{self.id}/import"
        self.admin.post(path, files=parts, params={"commit_to_project": "false"})
        kept = api.get(self.admin, f"/api/projects/{self.id}/file-uploads", all="true")
        found = {image_name(one["file"]): f"/data/{one['file']}" for one in kept}
        assert found.keys() == files.keys()
        return found

    def plain_files(self):
        return {f"{row}.png": digits.png(pixels) for row, pixels in enumerate(self.digits.pixels)}

    def files(self):
        """Return the files that are no plain PNG, by name."""
        picture = {
            kind: Image.open(io.BytesIO(digits.png(self.digits.pixels[KINDS_IN_ORDER.index(kind)])))
            for kind in ("sixteen_bits", "turned")
        }
        deep = np.asarray(picture["sixteen_bits"], dtype=np.uint16) * 257
        upright = Image.Exif()
        upright[0x0112] = 6
        turned = picture["turned"].rotate(90, expand=True)
        return {
            "sixteen_bits.png": encoded(Image.fromarray(deep), "PNG"),
            "turned.jpg": encoded(turned, "JPEG", exif=upright),
            "page.png": b"<!DOCTYPE html><html><body>Please log in</body></html>",
        }

    def float_tiff(self, row):
        """Return a digit of floating-point pixels, one of them no number: no file to upload."""
        floats = self.digits.pixels[row].astype(np.float32)
        floats[0, 0] = np.nan
        return encoded(Image.fromarray(floats), "TIFF")

    def image(self, kind, row):
        odd = {
            "sixteen_bits": self.stored["sixteen_bits.png"],
            "not_a_number": in_text("tiff", self.float_tiff(row)),
            "turned": self.stored["turned.jpg"],
            "page": self.stored["page.png"],
            "twin": self.stored["0.png"],
            "missing": f"/data/upload/{self.id}/00000000-missing.png",
            "foreign": "http://127.0.0.1:9/elsewhere.png",
            "base64": in_text("png", digits.png(self.digits.pixels[row])),
        }
        return odd.get(kind, self.stored[f"{row}.png"])

    def body(self, kind, row):
        views = [] if kind == "no_address" else [{"file": self.image(kind, row)}]
        data = {"patient": f"P{row}", "views": views, "nested": {"list": [1, None, "é猫"]}}
        return {"data": data, "meta": {"of": row}, "annotations": self.old(kind, row)}

    def old(self, kind, row):
        """Return the annotations that a task of this kind has before anything is connected."""
        right, wrong = choice(self.true_label(row)), choice(self.wrong_label(row))
        said = {
            "wrong": [wrong],
            "two_agree": [right, right],
            "two_differ": [right, wrong],
            "boxed": [[BOX, *wrong, TEXT]],
            "unlabelled": [],
            "skipped_before": [[]],
            "empty_before": [[]],
            "unknown": [choice(f"{self.true_label(row)} ")],
            "two_choices": [[{**right[0], "value": {"choices": ["3", "5"]}}]],
            "box_only": [[BOX]],
            "unsure_before": [choice(UNSURE)],
            "twin": [wrong],
        }.get(kind, [right])
        people = [self.label_studio.original, self.label_studio.annotators[0].id]
        if kind == "authorless":
            people[0] = self.leaver.id
        return [
            {
                "result": result,
                "completed_by": person,
                "ground_truth": kind == "ground_truth",
                "was_cancelled": kind == "skipped_before",
                "lead_time": 2.5,
            }
            for result, person in zip(said, people, strict=False)
        ]

    def add(self, tasks):
        """Import tasks and return their ids, in their order."""
        before = {task["id"] for task in self.export()}
        made = api.post(self.admin, f"/api/projects/{self.id}/import", tasks)
        assert made["task_count"] == len(tasks)
        return sorted(task["id"] for task in self.export() if task["id"] not in before)

    def settings(self):
        return api.get(self.admin, f"/api/projects/{self.id}/")

    def export(self):
        path = f"/api/projects/{self.id}/export"
        return api.get(self.admin, path, exportType="JSON", download_all_tasks="true")


def in_text(kind, file):
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def encoded(picture, kind, **more):
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()
