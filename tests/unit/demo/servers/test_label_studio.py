import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from relabel.demo.servers import processes
from relabel.demo.servers.label_studio import Administrator, start_label_studio

LABEL_STUDIO = f"""#!{sys.executable}
import http.server, os, pathlib, sys, time
told = dict(zip(sys.argv[5::2], sys.argv[6::2]))
data = pathlib.Path(told["--data-dir"])
if not (data / "label_studio.sqlite3").exists():
    time.sleep(0.3)
    (data / "label_studio.sqlite3").write_text("migrated")
    (data / ".env").write_text("secret")
    with (pathlib.Path(__file__).parent / "migrations").open("a") as made:
        made.write("one more" + chr(10))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(told["--port"])), Handler).serve_forever()
"""
"""What the start of Label Studio leaves behind: a database, migrated unless it was before."""
ADMINISTRATOR = Administrator("admin@example.com", "admin-password", "a" * 40)


@pytest.fixture
def bin_folder(tmp_path):
    folder = tmp_path / "environment" / "bin"
    folder.mkdir(parents=True)
    (folder / "label-studio").write_text(LABEL_STUDIO)
    (folder / "label-studio").chmod(0o755)
    return folder


def test_who_starts_at_the_same_time_migrates_one_empty_database(bin_folder, tmp_path):
    def start(name):
        data, port = tmp_path / name, processes.free_port(0)
        start_label_studio(bin_folder, data, port=port, administrator=ADMINISTRATOR).stop()
        return data

    with ThreadPoolExecutor() as both:
        folders = list(both.map(start, ("one", "another")))
    assert [(f / "label_studio.sqlite3").read_text() for f in folders] == ["migrated"] * 2
    assert (bin_folder / "migrations").read_text().splitlines() == ["one more"]


def test_copies_share_no_secret(bin_folder, tmp_path):
    for name in ("one", "another"):
        data, port = tmp_path / name, processes.free_port(0)
        start_label_studio(bin_folder, data, port=port, administrator=ADMINISTRATOR).stop()
        assert not (data / ".env").exists()
