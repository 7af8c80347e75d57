import subprocess
import sys
import time

import pytest
from relabel.errors import RoundInProgressError
from relabel.storage.rounds import STALE_SECONDS, list_rounds, set_round, start_round
from relabel.storage.tables import rounds
from sqlalchemy import update


def test_a_second_round_is_refused_while_the_first_ones_process_works(engine):
    with engine.begin() as connection:
        start_round(connection, 1, {}, "digest")
        with pytest.raises(RoundInProgressError, match="Round 1 of project 1"):
            start_round(connection, 1, {}, "digest")


def test_a_round_whose_process_is_gone_is_replaced_at_once(engine):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with engine.begin() as connection:
        first = start_round(connection, 1, {}, "digest")
        set_round(connection, first.id, pid=ended.pid)
        assert start_round(connection, 1, {}, "digest").number == 2
        assert [r.state for r in list_rounds(connection, 1)] == ["killed", "running"]


def test_a_silent_round_is_replaced_although_its_process_id_exists(engine):
    """After a container's restart the same id belongs to another process."""
    with engine.begin() as connection:
        first = start_round(connection, 1, {}, "digest")
        long_ago = time.time() - STALE_SECONDS - 1
        connection.execute(
            update(rounds).where(rounds.c.id == first.id).values(heartbeat_at=long_ago)
        )
        assert start_round(connection, 1, {}, "digest").number == 2
