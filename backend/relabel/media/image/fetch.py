"""Reading the bytes of one task's image, wherever Label Studio says it is.

Uploads and local files come from Label Studio with its token (local files from disk, if the
document root is mounted here); cloud addresses through Label Studio's presigned links; http(s)
addresses directly, from public hosts and from those that the settings allow; data: addresses are
the picture. The token is sent to LABEL_STUDIO_URL alone, also for images whose address is another
one that the settings call Label Studio's.
"""

import base64
import re
import time
from pathlib import Path
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

import httpx

from relabel.errors import BadImageError, PassingImageError
from relabel.http.deadlines import ending, punctual
from relabel.http.reach import cause, is_lasting, trusted
from relabel.labelstudio.client import LabelStudio
from relabel.media.image.addresses import public_machines
from relabel.media.image.references import (
    IMAGE_PATHS,
    OwnAddresses,
    brief,
    data_content,
    is_data,
    set_alias,
    too_large,
)
from relabel.settings import Settings

CLOUD_SCHEMES = ("s3", "gs", "azure-blob")
MAX_REDIRECTS = 4
PASSING = (408, 425, 429)
"""Statuses besides 5xx that may be better at the next try."""
CHUNK_BYTES = 65_536
DEFAULT_PORTS = {"http": 80, "https": 443}


class ImageFetcher:
    """Fetches images within the limits of the settings; safe to use from several threads."""

    def __init__(
        self,
        settings: Settings,
        label_studio: LabelStudio,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._label_studio = label_studio
        self._own = OwnAddresses.of(label_studio.url, settings.label_studio_aliases)
        timeout, verify = settings.image_timeout_seconds, trusted(settings.ca_bundle)
        # Never through a proxy of the environment, which would look names up for itself.
        self._allowed = punctual(
            httpx.Client(timeout=timeout, transport=transport, trust_env=False, verify=verify)
        )
        # A connection is found again by its IP address alone, which several names may share, but
        # it was opened for one of them: so none is kept.
        self._pinned = punctual(
            httpx.Client(
                timeout=timeout,
                transport=transport,
                trust_env=False,
                verify=verify,
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        )

    def fetch(self, task_id: int, reference: str) -> bytes:
        """Return the image's bytes.

        Raises:
            PassingImageError: not now, perhaps later; says why and what to do.
            BadImageError: missing, refused or too large; says which and what to do.

        """
        if not reference:
            raise BadImageError("the task has no image address")
        limit, began = self._settings.image_timeout_seconds, time.monotonic()
        try:
            with ending(within=limit):
                return self._fetch(task_id, reference)
        except (httpx.RequestError, httpx.InvalidURL, ValueError) as error:
            # ValueError: what people may write into a task is not always an address or a path.
            spent = time.monotonic() - began >= limit
            kind = BadImageError if spent or is_lasting(error) else PassingImageError
            raise kind(f"{brief(reference)}: {cause(error)}") from error

    def _fetch(self, task_id: int, reference: str) -> bytes:
        if is_data(reference):
            return data_content(reference, max_bytes=self._settings.max_image_bytes)
        scheme = urlsplit(reference).scheme
        if scheme in CLOUD_SCHEMES:
            return self._from_cloud(task_id, reference)
        if scheme not in ("", "http", "https"):
            text = f"addresses of kind {scheme}:// are not supported"
            raise BadImageError(f"{brief(reference)}: {text}")
        path = self._own.path_of(reference)
        if path is not None:
            return self._from_label_studio(path, reference)
        if not scheme:
            raise BadImageError(f"{brief(reference)}: neither an address nor a path")
        return self._from_web(reference)

    def _from_label_studio(self, path: str, reference: str) -> bytes:
        if not path.startswith("/"):
            raise BadImageError(
                f"{brief(reference)}: neither an address nor a path of Label Studio"
            )
        for _ in range(MAX_REDIRECTS):
            if _climbs(path):
                raise BadImageError(f"{brief(reference)}: leads upwards")
            root = self._settings.local_files_root
            if root is not None and path.startswith("/data/local-files/"):
                return self._from_disk(root, path)
            response = self._ask_label_studio(path)
            if not response.is_redirect:
                return self._read(response, reference)
            target = urljoin(str(response.request.url), response.headers.get("location", ""))
            response.close()
            below = self._own.path_of(target)
            if below is None:
                return self._from_web(target)
            if not IMAGE_PATHS.match(below):
                raise BadImageError(
                    f"{brief(reference)}: Label Studio redirects to {brief(below)}, which is no "
                    f"image; may the user of LABEL_STUDIO_API_KEY see it?"
                )
            path = below
        raise BadImageError(f"{brief(reference)}: more than {MAX_REDIRECTS} redirects")

    def _ask_label_studio(self, path: str) -> httpx.Response:
        request = self._label_studio.http.build_request(
            "GET", path, timeout=self._settings.image_timeout_seconds
        )
        # Elsewhere the token would open anything for whoever may write into a task.
        auth = self._label_studio.http.auth if IMAGE_PATHS.match(path) else None
        return self._label_studio.http.send(request, stream=True, auth=auth)

    def _from_disk(self, root: Path, path: str) -> bytes:
        wanted = parse_qs(urlsplit(path).query).get("d", [""])[0]
        file = (root / wanted.lstrip("/")).resolve()
        if not file.is_relative_to(root.resolve()):
            raise BadImageError(f"{brief(path)}: leads outside the document root")
        if file.exists() and not file.is_file():
            raise BadImageError(f"{brief(path)}: is no file on disk")
        try:
            if file.stat().st_size > self._settings.max_image_bytes:
                raise BadImageError(too_large(path, self._settings.max_image_bytes))
            return file.read_bytes()
        except OSError as error:
            raise BadImageError(f"{brief(path)}: {error.strerror} on disk") from error

    def _from_cloud(self, task_id: int, reference: str) -> bytes:
        coded = base64.urlsafe_b64encode(reference.encode()).decode()
        path = f"/tasks/{task_id}/presign/"
        response = self._label_studio.http.get(path, params={"fileuri": coded})
        target = response.headers.get("location", "")
        if not response.is_redirect or not target:
            raise BadImageError(
                f"{brief(reference)}: Label Studio gave no presigned link "
                f"({response.status_code}); check the project's cloud storage"
            )
        return self._from_web(target)

    def _from_web(self, address: str) -> bytes:
        for _ in range(MAX_REDIRECTS):
            response = self._ask(httpx.URL(address))
            if not response.is_redirect:
                return self._read(response, address)
            address = urljoin(address, response.headers.get("location", ""))
            response.close()
        raise BadImageError(f"{brief(address)}: more than {MAX_REDIRECTS} redirects")

    def _ask(self, url: httpx.URL) -> httpx.Response:
        """Send the request to a machine that was checked, whatever its name leads to by then."""
        if url.scheme not in ("http", "https"):
            raise BadImageError(
                f"{brief(str(url))}: redirected to a {url.scheme or 'bare'} address"
            )
        if url.host in self._settings.image_hosts:
            return self._allowed.send(self._allowed.build_request("GET", url), stream=True)
        try:
            machines = public_machines(url.host, url.port or DEFAULT_PORTS[url.scheme])
        except BadImageError as error:
            text = f"{brief(str(url))}: {error}{self._advice(str(url))}"
            raise type(error)(text) from error
        for machine in machines[:-1]:
            try:
                return self._ask_machine(url, machine)
            except httpx.ConnectError:
                continue  # the next one may be there
        return self._ask_machine(url, machines[-1])

    def _ask_machine(self, url: httpx.URL, machine: str) -> httpx.Response:
        request = self._pinned.build_request(
            "GET",
            url.copy_with(host=machine),
            headers={"Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        return self._pinned.send(request, stream=True)

    def _read(self, response: httpx.Response, reference: str) -> bytes:
        try:
            if (status := response.status_code) != httpx.codes.OK:
                kind = PassingImageError if status >= 500 or status in PASSING else BadImageError
                raise kind(f"{brief(reference)}: answered {status}{self._advice(reference)}")
            parts: list[bytes] = []
            size = 0
            for part in response.iter_bytes(CHUNK_BYTES):
                size += len(part)
                if size > self._settings.max_image_bytes:
                    raise BadImageError(too_large(reference, self._settings.max_image_bytes))
                parts.append(part)
            return b"".join(parts)
        finally:
            response.close()

    def _advice(self, reference: str) -> str:
        """Return what to set if an image that was refused seems to be Label Studio's own."""
        name = self._own.other_name(reference)
        return f"; if that is Label Studio itself, set {set_alias(name)}" if name else ""


def _climbs(path: str) -> bool:
    """Return whether a path leads upwards, however often it is coded."""
    text = urlsplit(path).path
    while (decoded := unquote(text)) != text:
        text = decoded
    return ".." in re.split(r"[/\\]", text)
