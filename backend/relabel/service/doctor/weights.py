"""Whether the weights of a policy's encoder can be had, told before a round needs them.

torch is not imported: where it keeps and finds weights is known without.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request

from relabel.catalogue.built_in import ENCODERS, FETCHED, UNWEIGHTED
from relabel.files import reason, told
from relabel.policy import Policy
from relabel.service.doctor.findings import Finding
from relabel.settings import weights_folder

SECONDS = 10.0
"""Longest wait for an answer."""
MB = 1e6
ALIKE = 0.05
"""By so much may a size differ from the one that is known."""

Hub = Callable[..., Any]
"""hub(request, timeout=...): asks a machine for weights, as `urllib.request.urlopen` does."""


def examine_weights(policy: Policy, hub: Hub) -> Finding:
    """Say where the weights of a policy's encoder are, or will come from and how large they are.

    Args:
        policy: of the project.
        hub: asked whether it has the file, as torch will ask it: through the same proxy, trusting
            the same authorities.

    """
    name, file = policy.encoder, policy.encoder_weights
    if file is not None:
        return _local(name, Path(file))
    if name in UNWEIGHTED or name not in ENCODERS:
        needs = "needs no weights" if name in UNWEIGHTED else "of a plug-in sees to its own weights"
        return Finding("encoder", ok=True, text=f"{name!r} {needs}")
    if name not in FETCHED:
        return Finding(
            "encoder",
            ok=False,
            text=f"Encoder '{name}' has no weights in torchvision's registry: "
            f"set encoder_weights to its weights file",
        )
    address, megabytes = FETCHED[name]
    here = weights_folder() / address.rpartition("/")[2]
    size = f"{megabytes:,.0f} MB"
    if here.exists():
        return Finding("encoder", ok=True, text=f"the weights of {name!r} are here: {told(here)}")
    wrong = _ask(hub, address, megabytes)
    if not wrong:
        text = f"the first round downloads the weights of {name!r}: {size} from {address}"
        return Finding("encoder", ok=True, text=text)
    return Finding(
        "encoder",
        ok=False,
        text=f"the weights of {name!r} are not in {told(here.parent)}, and {address} cannot be "
        f"had ({wrong}): the first round would fail. Fetch that file ({size}) on a machine with "
        f"network and put it there, or name it as encoder_weights; "
        f'or set encoder = "tiny", which needs no weights',
    )


def _local(name: str, file: Path) -> Finding:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        text = f"encoder_weights = {told(file)}: {reason(error)}; name the file of its weights"
        return Finding("encoder", ok=False, text=text)
    return Finding("encoder", ok=True, text=f"the weights of {name!r} are read from {told(file)}")


def _ask(hub: Hub, address: str, megabytes: float) -> str:
    """Return why a file cannot be had, "" = it can."""
    try:
        with hub(Request(address, method="HEAD"), timeout=SECONDS) as answer:  # noqa: S310  https
            said = str(answer.headers.get("Content-Length") or "")
    except HTTPError as error:
        return f"it answers {error.code}"
    except URLError as error:
        return str(error.reason)
    except OSError as error:
        return reason(error)
    if said.isdigit() and abs(int(said) / MB / megabytes - 1) > ALIKE:
        return f"what is there has {int(said) / MB:,.1f} MB: another machine answers"
    return ""
