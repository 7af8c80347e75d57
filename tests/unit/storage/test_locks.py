import os
import signal
import subprocess
import sys
import threading
import time

from relabel.storage.locks import queue_lock

HOLDER = """
import sys, time
from pathlib import Path
from sqlalchemy import create_engine
from relabel.storage.locks import queue_lock
with queue_lock(create_engine("sqlite://"), Path(sys.argv[1]), 1):
    print("held", flush=True)
    time.sleep(60)
"""


def in_thread(engine, folder, project, times):
    def work():
        with queue_lock(engine, folder, project):
            times.append("in")
            time.sleep(0.02)
            times.append("out")

    return threading.Thread(target=work)


def test_one_thread_at_a_time_changes_a_queue(engine, tmp_path):
    times = []
    threads = [in_thread(engine, tmp_path, 1, times) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert times == ["in", "out"] * 4


def test_projects_do_not_wait_for_each_other(engine, tmp_path):
    times = []
    with queue_lock(engine, tmp_path, 1):
        thread = in_thread(engine, tmp_path, 2, times)
        thread.start()
        thread.join(timeout=5)
    assert times == ["in", "out"]


def test_an_error_frees_the_lock(engine, tmp_path):
    try:
        with queue_lock(engine, tmp_path, 1):
            raise KeyError  # noqa: TRY301
    except KeyError:
        pass
    with queue_lock(engine, tmp_path, 1):
        pass


def test_a_killed_process_frees_its_lock(engine, tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    times = []
    waiting = in_thread(engine, tmp_path, 1, times)
    waiting.start()
    waiting.join(timeout=0.2)
    assert times == []
    os.kill(holder.pid, signal.SIGKILL)
    waiting.join(timeout=5)
    assert times == ["in", "out"]
    holder.wait()
    holder.stdout.close()
