"""Answers of one application to a list of calls, in whichever environment runs this file.

    python ml_server.py "own app" | "label-studio-ml" < calls.json > answers.json

It stands alone: label-studio-ml 1.0.9 and 2.x have environments of their own. Our packages are
found behind theirs, by RELABEL_TEST_OURS.
"""

import json
import os
import sys

BACKEND, PACKAGES = os.environ["RELABEL_TEST_OURS"].split(os.pathsep)
sys.path.insert(0, BACKEND)
sys.path.append(PACKAGES)


def application(name):
    """Return the application as its users make it."""
    if name == "own app":
        from relabel.settings import Settings
        from relabel.web.app import create_app

        return create_app(Settings.from_env())
    from relabel.label_studio_ml.backend import RelabelBackend  # isort: skip  first: keeps torch out
    from label_studio_ml.api import init_app

    return init_app(RelabelBackend)


def main():
    app = application(sys.argv[1])
    client = app.test_client()
    answers = []
    for call in json.load(sys.stdin):
        answer = client.open(**call)
        answers.append([answer.status, answer.get_json(silent=True)])
    told = {"answers": answers, "torch": "torch" in sys.modules}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
