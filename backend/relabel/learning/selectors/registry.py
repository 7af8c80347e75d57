"""Every selector by name."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack

from relabel.catalogue.options import check_selector
from relabel.catalogue.plugins import find
from relabel.learning.data import RunArguments, Selection, Selector, TrainingData
from relabel.learning.device import choose_device
from relabel.learning.selectors.auto import auto
from relabel.learning.selectors.cross_fit import cross_fit
from relabel.learning.selectors.ensemble import ensemble
from relabel.learning.selectors.single import SINGLE

SELECTORS: dict[str, Selector] = {
    **SINGLE,
    "ensemble": ensemble,
    "cross_fit": cross_fit,
    "auto": auto,
}


def select(
    name: str, data: TrainingData, options: Mapping[str, Any], **run: Unpack[RunArguments]
) -> Selection:
    """Run the selector `name` with `options` on `data`.

    Args:
        name: one of `SELECTORS`, or of a plug-in.
        data: votes with embeddings or images, as the selector needs.
        options: its own keyword parameters.
        **run: seed, and if wanted device, progress, checkpoint and warm_start; see `Run`.

    Raises:
        ConfigurationError: unknown selector or option, a device that is not there, or data that
            the selector cannot use.
        NotReadyError: too few labelled tasks.
    """
    selector = find("selector", name, SELECTORS)
    check_selector(name, options)
    start = time.monotonic()
    run["device"] = choose_device(run.get("device", "cpu"))
    run["method"] = f"{name} {sorted(options.items())}"
    selection = selector(data, **options, **run)
    seconds = round(time.monotonic() - start, 3)
    return replace(selection, record={"selector": name, **selection.record, "seconds": seconds})
