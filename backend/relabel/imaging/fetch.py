"""Reading the bytes of one task's image, wherever Label Studio says it is.

Uploads and local files come from Label Studio with its token (local files from disk, if the
document root is mounted here); cloud addresses through Label Studio's presigned links; http(s)
addresses directly, from public hosts and from those that the settings allow. The token never
leaves Label Studio's own host.
"""

import base64
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

import httpx

from relabel.errors import BadImageError
from relabel.imaging.addresses import public_machines
from relabel.labelstudio.client import LabelStudio
from relabel.settings import Settings

CLOUD_SCHEMES = ("s3", "gs", "azure-blob")
MAX_REDIRECTS = 4
IMAGE_PATHS = re.compile(
    r"/(?:data|storage-data|static)/|/(?:tasks|projects)/\d+/(?:resolve|presign)/"
    r"|/api/projects/\d+/file-proxy/"
)
"""Where Label Studio keeps or hands on images: all that is asked for with the token."""
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
        timeout = settings.image_timeout_seconds
        self._allowed = httpx.Client(timeout=timeout, transport=transport, trust_env=False)
        # A connection is found again by its IP address alone, which several names may share, but
        # it was opened for one of them: so none is kept.
        self._pinned = httpx.Client(
            timeout=timeout,
            transport=transport,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def fetch(self, task_id: int, reference: str) -> bytes:
        """Return the image's bytes.

        Raises:
            BadImageError: missing, refused, too large or too slow; says which and what to do.

        """
        if not reference:
            raise BadImageError("the task has no image address")
        try:
            return self._fetch(task_id, reference)
        except (httpx.RequestError, httpx.InvalidURL, ValueError) as error:
            # ValueError: what people may write into a task is not always an address or a path.
            raise BadImageError(f"{_short(reference)}: {type(error).__name__}") from error

    def _fetch(self, task_id: int, reference: str) -> bytes:
        scheme = urlsplit(reference).scheme
        if scheme in CLOUD_SCHEMES:
            return self._from_cloud(task_id, reference)
        if scheme in ("http", "https") and not reference.startswith(self._label_studio.url + "/"):
            return self._from_web(reference)
        if scheme in ("", "http", "https"):
            return self._from_label_studio(reference)
        raise BadImageError(f"{_short(reference)}: addresses of kind {scheme}:// are not supported")

    def _from_label_studio(self, reference: str) -> bytes:
        path = reference.removeprefix(self._label_studio.url)
        if not path.startswith("/"):
            raise BadImageError(
                f"{_short(reference)}: neither an address nor a path of Label Studio"
            )
        if _climbs(path):
            raise BadImageError(f"{_short(reference)}: leads upwards")
        root = self._settings.local_files_root
        if root is not None and path.startswith("/data/local-files/"):
            return self._from_disk(root, path)
        request = self._label_studio.http.build_request(
            "GET", path, timeout=self._settings.image_timeout_seconds
        )
        # Elsewhere the token would open anything for whoever may write into a task.
        auth = self._label_studio.http.auth if IMAGE_PATHS.match(path) else None
        response = self._label_studio.http.send(request, stream=True, auth=auth)
        if response.is_redirect:
            target = urljoin(str(request.url), response.headers.get("location", ""))
            response.close()
            return self._from_web(target)
        return self._read(response, reference)

    def _from_disk(self, root: Path, path: str) -> bytes:
        wanted = parse_qs(urlsplit(path).query).get("d", [""])[0]
        file = (root / wanted.lstrip("/")).resolve()
        if not file.is_relative_to(root.resolve()):
            raise BadImageError(f"{_short(path)}: leads outside the document root")
        if file.exists() and not file.is_file():
            raise BadImageError(f"{_short(path)}: is no file on disk")
        try:
            if file.stat().st_size > self._settings.max_image_bytes:
                raise BadImageError(self._too_large(path))
            return file.read_bytes()
        except OSError as error:
            raise BadImageError(f"{_short(path)}: {error.strerror} on disk") from error

    def _from_cloud(self, task_id: int, reference: str) -> bytes:
        coded = base64.urlsafe_b64encode(reference.encode()).decode()
        path = f"/tasks/{task_id}/presign/"
        response = self._label_studio.http.get(path, params={"fileuri": coded})
        target = response.headers.get("location", "")
        if not response.is_redirect or not target:
            raise BadImageError(
                f"{_short(reference)}: Label Studio gave no presigned link "
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
        raise BadImageError(f"{_short(address)}: more than {MAX_REDIRECTS} redirects")

    def _ask(self, url: httpx.URL) -> httpx.Response:
        """Send the request to a machine that was checked, whatever its name leads to by then."""
        if url.scheme not in ("http", "https"):
            raise BadImageError(
                f"{_short(str(url))}: redirected to a {url.scheme or 'bare'} address"
            )
        if url.host in self._settings.image_hosts:
            return self._allowed.send(self._allowed.build_request("GET", url), stream=True)
        try:
            machines = public_machines(url.host, url.port or DEFAULT_PORTS[url.scheme])
        except BadImageError as error:
            raise BadImageError(f"{_short(str(url))}: {error}") from error
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
            if response.status_code != httpx.codes.OK:
                raise BadImageError(f"{_short(reference)}: answered {response.status_code}")
            parts: list[bytes] = []
            size = 0
            for part in response.iter_bytes(CHUNK_BYTES):
                size += len(part)
                if size > self._settings.max_image_bytes:
                    raise BadImageError(self._too_large(reference))
                parts.append(part)
            return b"".join(parts)
        finally:
            response.close()

    def _too_large(self, reference: str) -> str:
        limit = self._settings.max_image_bytes
        return f"{_short(reference)}: larger than {limit} bytes (RELABEL_MAX_IMAGE_BYTES)"


def _climbs(path: str) -> bool:
    """Return whether a path leads upwards, however often it is coded."""
    text = urlsplit(path).path
    while (decoded := unquote(text)) != text:
        text = decoded
    return ".." in re.split(r"[/\\]", text)


def _short(reference: str) -> str:
    """Leave out the query, which may hold a signature, and cut what is long."""
    return reference.split("?", 1)[0][-120:]
