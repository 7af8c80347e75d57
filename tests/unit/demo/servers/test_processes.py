import signal
import socket
import subprocess
import sys

import pytest
from relabel.demo.annotators import poll
from relabel.demo.servers import processes
from relabel.errors import NotReadyError

SERVER = """
import http.server, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def start(tmp_path, code=SERVER, seconds=20.0):
    port = processes.free_port(0)
    return processes.start(
        "The server",
        [sys.executable, "-c", code, str(port)],
        url=f"http://127.0.0.1:{port}",
        log=tmp_path / "server.log",
        env={"PYTHONUNBUFFERED": "1"},
        seconds=seconds,
    )


def is_running(pid):
    """A dead process that nobody has waited for yet counts as ended."""
    return "sleep" in processes._command_of(pid)


def child_of(server):
    return int(server.log.read_text().split()[1])


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_server_ends_together_with_the_processes_it_started(tmp_path, end):
    server = start(tmp_path)
    child = child_of(server)
    assert is_running(child)
    getattr(server, end)()
    assert server.process.returncode < 0
    assert poll(lambda: not is_running(child), seconds=5)
    server.stop()  # again: nothing happens


def test_a_server_that_ends_while_starting_shows_its_last_words(tmp_path):
    with pytest.raises(NotReadyError, match=r"(?s)status 7 .*out of cheese"):
        start(tmp_path, "print('out of cheese'); raise SystemExit(7)")


def test_a_server_that_never_answers_is_ended(tmp_path):
    code = "import time; print('warming up'); time.sleep(600)"
    with pytest.raises(NotReadyError, match=r"(?s)did not answer .*warming up"):
        start(tmp_path, code, seconds=1.0)


def test_the_environment_of_a_server_is_ours_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://elsewhere")
    code = "import os; print(sorted(k for k in os.environ if 'LABEL' in k)); raise SystemExit(1)"
    with pytest.raises(NotReadyError, match=r"\[\]"):
        start(tmp_path, code)


def test_a_port_in_use_is_replaced_by_a_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert processes.free_port(port) != port
    assert processes.free_port(port) == port


def test_a_leftover_of_a_killed_run_is_ended_and_a_stranger_is_not(tmp_path):
    pid_file = tmp_path / "server.pid"
    server = start(tmp_path)
    pid_file.write_text(str(server.process.pid))
    processes.stop_leftover(pid_file, "another program")
    assert server.process.poll() is None
    assert not pid_file.exists()
    pid_file.write_text(str(server.process.pid))
    processes.stop_leftover(pid_file, str(server.url.rpartition(":")[2]))
    assert server.process.wait(10) == -signal.SIGKILL
    processes.stop_leftover(pid_file, "")  # no file: nothing to do


def test_only_one_process_uses_a_folder(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from relabel.demo.servers.processes import only_one\n"
        "with only_one(Path(sys.argv[1])): print('in')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with processes.only_one(tmp_path / "lock"):
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "already uses" in second.stderr
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "in\n"
