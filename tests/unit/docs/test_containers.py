"""What the image and the compose file promise, read from the files: no engine is needed."""

import json
import os
import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import relabel
import yaml
from relabel.settings import Settings
from served import BACKEND, served

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "backend" / "Dockerfile").read_text()
IMAGE = DOCKERFILE[DOCKERFILE.rindex("FROM ") :].replace("\\\n", " ")
EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)
SECRETS = {name for name in EXAMPLE if re.search("PASS|TOKEN", name)}
OF_LABEL_STUDIO = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "233.252.0.0/24",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:0000::/32",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
]
"""Networks that Label Studio 1.23 calls nothing in by itself (core/utils/io.py, validate_ip)."""


def instruction(name):
    """Return what the image's last stage says after an instruction, the last time."""
    return re.findall(rf"^{name} (.+)$", IMAGE, re.MULTILINE)[-1].strip()


def test_the_image_works_where_files_stay():
    assert instruction("WORKDIR") == "/data"
    assert instruction("VOLUME") == "/data"
    assert "RELABEL_DATA_DIR=/data" in instruction("ENV")


def test_the_image_runs_as_a_user_by_number_to_whom_the_data_belong():
    user, group = instruction("USER").split(":")
    assert user.isdecimal()
    assert int(user) > 0
    assert f"--owner {user} --group {group} --mode 700 /data" in IMAGE


CHECKS = {
    "image": json.loads(re.search(r"HEALTHCHECK .*?CMD (\[.*\])$", IMAGE, re.MULTILINE)[1]),
    "compose": SERVICES["relabel-web"]["healthcheck"]["test"][1:],
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_health_is_asked_for_at_the_port_of_the_setting(check):
    program = [sys.executable, *check[1:]]
    with served(BACKEND) as url:
        port = url.rsplit(":", 1)[1]
        right = subprocess.run(program, env={"RELABEL_PORT": port}, check=False)
    gone = subprocess.run(program, env={"RELABEL_PORT": port}, check=False, capture_output=True)
    assert (right.returncode, gone.returncode != 0) == (0, True)


def test_the_port_of_the_setting_is_the_one_that_label_studio_is_told():
    environment = SERVICES["relabel-web"]["environment"]
    assert environment["RELABEL_PORT"] == "${RELABEL_PORT:-9090}"
    assert environment["RELABEL_URL"].endswith(":${RELABEL_PORT:-9090}")
    (published,) = SERVICES["relabel-web"]["ports"]
    assert published.endswith(":${RELABEL_PORT:-9090}:${RELABEL_PORT:-9090}")


def test_ports_are_open_on_this_machine_alone_unless_asked_for():
    ports = {port for service in SERVICES.values() for port in service.get("ports", [])}
    assert len(ports) == 2
    assert all(port.startswith("${PUBLISH_AT:-127.0.0.1}:") for port in ports)
    assert EXAMPLE["PUBLISH_AT"] == "127.0.0.1"


def test_label_studio_calls_nothing_private_but_the_backend():
    environment = SERVICES["label-studio"]["environment"]
    assert not {"SSRF_PROTECTION_ENABLED", "ML_BLOCK_LOCAL_IP"} & set(environment)
    assert environment["USE_DEFAULT_BANNED_SUBNETS"] == "false"
    banned = environment["USER_ADDITIONAL_BANNED_SUBNETS"].split(",")
    (config,) = COMPOSE["networks"]["backend"]["ipam"]["config"]
    assert set(OF_LABEL_STUDIO) - set(banned) == {config["subnet"]}
    assert not any(ip_address("192.0.2.7") in ip_network(one) for one in banned)


def test_stores_are_in_networks_without_a_way_in_or_out():
    networks = COMPOSE["networks"]
    for name in ("label-studio-db", "relabel-db"):
        assert [networks[n] for n in SERVICES[name]["networks"]] == [{"internal": True}]
        assert "ports" not in SERVICES[name]
    assert "relabel" not in SERVICES["label-studio"]["networks"]
    assert set(SERVICES["relabel-web"]["networks"]["backend"]["aliases"]) == {"relabel.internal"}


def test_the_example_holds_no_secret_and_without_one_nothing_starts():
    assert len(SECRETS) == 5
    assert not any(EXAMPLE[name] for name in SECRETS)
    text = (ROOT / "docker-compose.yml").read_text()
    for name in SECRETS:
        uses = re.findall(rf"\$\{{{name}\b[^}}]*\}}", text)
        assert uses
        assert set(uses) == {f"${{{name}:?set it in .env}}"}


def test_every_variable_of_the_example_is_used_and_every_one_used_is_there():
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{(\w+)", text)) == set(EXAMPLE)


def test_what_compose_sets_on_the_backend_are_its_settings():
    fields = Settings.model_fields.items()
    known = {f"RELABEL_{name.upper()}" for name, _ in fields}
    known |= {str(c) for _, f in fields for c in getattr(f.validation_alias, "choices", [])}
    for name in ("relabel-web", "relabel-worker"):
        assert set(SERVICES[name]["environment"]) <= known


@pytest.mark.slow
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_with_a_password_of_an_earlier_example_nothing_starts(tmp_path, command):
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(relabel.__file__).parents[1]),
        "RELABEL_DATA_DIR": str(tmp_path),
        "LABEL_STUDIO_API_KEY": "0" * 40,
        "BASIC_AUTH_USER": "label-studio",
        "BASIC_AUTH_PASS": "change-me",
    }
    done = subprocess.run(
        [sys.executable, "-m", "relabel", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "BASIC_AUTH_PASS still holds the password of an example" in said
    assert "put one of your own there" in said
    assert list(tmp_path.iterdir()) == []
