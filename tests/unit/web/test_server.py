"""The server stays open for Label Studio however many browsers hold connections."""

import socket
import threading

import httpx
from relabel.web.server import make_server

HELD = 200
"""More than thirty browsers keep."""


def test_idle_connections_of_browsers_do_not_shut_the_webhook_out(seeded):
    settings = seeded.settings.model_copy(update={"host": "127.0.0.1", "port": 0})
    server = make_server(seeded.client().application, settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    address = ("127.0.0.1", server.effective_port)
    held = [socket.create_connection(address) for _ in range(HELD)]
    try:
        url = f"http://127.0.0.1:{server.effective_port}/health"
        assert httpx.get(url, timeout=10, trust_env=False).status_code == 200
    finally:
        for connection in held:
            connection.close()
        server.close()
        thread.join(10)
