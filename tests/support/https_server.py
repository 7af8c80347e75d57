"""A web server on loopback that speaks https by a certificate of nobody known."""

import contextlib
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


def certify(folder: Path, *names: str) -> tuple[Path, Path]:
    """Return the files of a certificate for these names, which signs itself, and of its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    kinds = ("IP" if name[-1].isdigit() else "DNS" for name in names)
    alternatives = ",".join(f"{kind}:{name}" for kind, name in zip(kinds, names, strict=True))
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2"
    command += f" -subj /CN=x -addext subjectAltName={alternatives}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return certificate, key


class Echo(BaseHTTPRequestHandler):
    """Answers GET with the host that was asked for, as JSON."""

    def do_GET(self) -> None:
        content = f'"{self.headers["Host"]}"'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        pass


@contextlib.contextmanager
def serving(
    certificate: Path | None = None,
    key: Path | None = None,
    handler: type[BaseHTTPRequestHandler] = Echo,
) -> Iterator[int]:
    """Serve on loopback, by https if there is a certificate; gives the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        web.daemon_threads = True
        web.handle_error = lambda *_args: None  # type: ignore[method-assign]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            web.socket = context.wrap_socket(
                web.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=web.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield web.server_port
        finally:
            web.shutdown()
            thread.join()
