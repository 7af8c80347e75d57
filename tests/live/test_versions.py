"""What differs between the versions of Label Studio that the backend is tested with.

`make test-versions` runs these tests and the contract against each of them.
"""

import os
import subprocess

import pytest
from relabel.demo import api
from relabel.labelstudio.client import LabelStudio as Client
from relabel.service.doctor.health import TESTED_VERSIONS

pytestmark = [pytest.mark.live, pytest.mark.slow]

DIFFERENCES = {
    "1.21": {"private addresses are blocked": False, "data is told as stored": False},
    "1.22": {"private addresses are blocked": False, "data is told as stored": False},
    "1.23": {"private addresses are blocked": True, "data is told as stored": True},
}
"""By minor version: docs/connect.md has the same table in words."""

INSIDE = """
import os, sys, label_studio
sys.path.insert(0, os.path.dirname(label_studio.__file__))
os.environ["DJANGO_SETTINGS_MODULE"] = "core.settings.label_studio"
import django
django.setup()
from django.conf import settings
"""


@pytest.fixture(scope="module")
def version(label_studio):
    return api.get(label_studio.admin, "/api/version")["release"]


@pytest.fixture(scope="module")
def known(version):
    return DIFFERENCES[".".join(version.split(".")[:2])]


@pytest.fixture(scope="module")
def inside(label_studio, label_studio_bin):
    """Run a few lines within Label Studio's own environment: inside('print(1)')."""

    def run(lines, data=None):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(label_studio.database.parent),
            "LABEL_STUDIO_BASE_DATA_DIR": str(data or label_studio.database.parent),
            "DJANGO_DB": "sqlite",
        }
        done = subprocess.run(
            [label_studio_bin / "python", "-c", INSIDE + lines],
            env=environment,
            cwd=label_studio.database.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""

    return run


def test_the_doctor_knows_the_versions_that_are_tested(version):
    assert version.startswith(TESTED_VERSIONS)
    assert {f"{minor}." for minor in DIFFERENCES} == set(TESTED_VERSIONS)


def test_private_addresses_are_blocked_by_default_or_not(known, inside, tmp_path):
    told = inside("print(settings.SSRF_PROTECTION_ENABLED, settings.ML_BLOCK_LOCAL_IP)", tmp_path)
    blocked = known["private addresses are blocked"]
    assert told == f"{blocked} {blocked}"


def test_addresses_in_cloud_storage_reach_the_backend_as_stored(
    label_studio, make_project, known, inside
):
    project = make_project(limit=5)
    address = "s3://a-bucket/a b.png"
    api.post(
        label_studio.admin, f"/api/projects/{project.id}/import", [{"data": {"image": address}}]
    )
    found = api.get(label_studio.admin, "/api/tasks", project=project.id)["tasks"]
    (task,) = {t["id"] for t in found} - set(project.tasks)
    inside(
        "from io_storages.s3.models import S3ImportStorage\n"
        f"S3ImportStorage.objects.create(project_id={project.id}, bucket='a-bucket', title='x')\n"
    )
    path = f"/api/tasks/{task}/"
    told = api.get(label_studio.admin, path, resolve_uri="false")["data"]["image"]
    assert (told == address) == known["data is told as stored"]
    client = Client(label_studio.url, label_studio.token)
    found = [client.task(task), *client.tasks_since(project.id, "2020-01-01T00:00:00.000000Z")]
    assert {t["data"]["image"] for t in found if t["id"] == task} == {address}
    client.close()
