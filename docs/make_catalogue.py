"""Write backend/relabel/catalogue/built_in.py: what our registries hold, read off their functions.

Run `.venv/bin/python docs/make_catalogue.py`, then `make format`, after changing the name, an
option or the first sentence of a registered function.
"""  # noqa: INP001  a script, no package

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import numpy as np
from relabel.catalogue.signatures import ABSENT, Entry, Option, first_sentence, read_entry
from relabel.errors import ConfigurationError
from relabel.learning.data import RunArguments
from relabel.learning.encoders.registry import ENCODERS
from relabel.learning.selectors.registry import SELECTORS
from relabel.learning.selectors.single import PAIRS
from relabel.numerics.diversity.registry import DIVERSITY
from relabel.numerics.diversity.spread import Surroundings, diversity_inputs
from relabel.numerics.gain import GAIN, gain_score
from relabel.numerics.scoring import OF_MEMBERS, SCORES
from torchvision import models

TARGET = Path(__file__).resolve().parents[1] / "backend" / "relabel" / "catalogue" / "built_in.py"

HEAD = '''"""What our registries hold, told without torch. Written by `docs/make_catalogue.py`."""

from typing import Any

from relabel.catalogue.signatures import Entry, Option
'''


def main() -> None:
    """Write the module."""
    TARGET.write_text(module())


def module() -> str:
    """Return the module's text, not yet formatted."""
    run = tuple(RunArguments.__annotations__)
    selectors = {name: read_entry(function, run) for name, function in SELECTORS.items()}
    scores = {name: read_entry(f, ("labels", "rng")) for name, f in SCORES.items()}
    # Of two formulas, one for each consensus, and of what only a project knows.
    scores[GAIN] = Entry(first_sentence(gain_score))
    diversity = {name: read_entry(f, given_to(name)) for name, f in DIVERSITY.items()}
    encoders = {name: read_entry(function) for name, function in ENCODERS.items()}
    shared = {
        name: option for name, option in selectors["vanilla"].options.items() if _is_shared(option)
    }
    parts = [
        HEAD,
        *_shared(shared),
        *_names("RUN", run, "Keyword parameters of every selector that are no options."),
        *_registry("SELECTORS", selectors, "Every selector."),
        *_names("PAIRS", PAIRS, "Selectors that train two networks."),
        *_registry("SCORES", scores, "Every score."),
        f"GAIN = {GAIN!r}",
        '"""The score that asks one vote at a time."""',
        "",
        *_names("OF_MEMBERS", OF_MEMBERS, "Scores that compare several networks or passes."),
        *_registry("DIVERSITY", diversity, "Every way to spread the front."),
        *_registry("ENCODERS", encoders, "Every encoder."),
        *_weights(),
    ]
    return "\n".join(parts) + "\n"


def given_to(diversity: str) -> Collection[str]:
    """Return the keyword parameters of a way to spread that come from the data."""
    return diversity_inputs(
        diversity,
        surroundings=Surroundings(np.eye(12, dtype=np.float32), 0),
        labels=np.arange(12),
        pool=np.ones(12, dtype=bool),
        contribution=np.ones(12),
    )


def fetched_weights() -> dict[str, tuple[str, float]]:
    """Return address and size (MB, 10^6 bytes) of the weights that an encoder fetches itself."""
    known = [name for name in ENCODERS if name in models.list_models()]
    best = {name: models.get_model_weights(name).DEFAULT for name in known}
    return {
        name: (weights.url, round(weights.meta["_file_size"] * 2**20 / 1e6, 1))
        for name, weights in best.items()
    }


def without_weights() -> list[str]:
    """Return the encoders that work without any weights."""
    return [name for name in ENCODERS if name not in fetched_weights() and _loads(ENCODERS[name])]


def _loads(encoder: Callable[..., Any]) -> bool:
    try:
        encoder(None)
    except ConfigurationError:
        return False
    return True


def _names(name: str, values: Collection[str], what: str) -> list[str]:
    return [f"{name} = {tuple(values)!r}", f'"""{what}"""', ""]


def _registry(name: str, entries: Mapping[str, Entry], what: str) -> list[str]:
    lines = [f"{name}: dict[str, Entry] = {{"]
    for key, entry in entries.items():
        options = _options(entry.options)
        told = f", {{{options}}}" if options else ""
        lines.append(f"{key!r}: Entry({entry.what!r}{told}),")
    return [*lines, "}", f'"""{what}"""', ""]


def _is_shared(option: Option) -> bool:
    """Return whether an option comes from the arguments that all trained selectors hand on."""
    return option.default is ABSENT


def _options(options: Mapping[str, Option]) -> str:
    own = [f"{o!r}: {_option(option)}" for o, option in options.items() if not _is_shared(option)]
    return ", ".join([*own, "**TRAINING"] if len(own) < len(options) else own)


def _shared(options: Mapping[str, Option]) -> list[str]:
    listed = ", ".join(f"{name!r}: {_option(option)}" for name, option in options.items())
    what = "Options of every selector that trains a network."
    return [f"TRAINING: dict[str, Option] = {{{listed}}}", f'"""{what}"""', ""]


def _option(option: Option) -> str:
    default = "" if option.default is ABSENT else f", {option.default!r}"
    return f"Option({_type(option.type)}{default})"


def _type(hint: Any) -> str:
    if get_origin(hint) in (Union, UnionType):
        return " | ".join(_type(part) for part in get_args(hint))
    if hint is type(None):
        return "None"
    plain = isinstance(hint, type) and get_origin(hint) is None
    return hint.__name__ if plain else str(hint).replace("typing.", "")


def _weights() -> list[str]:
    lines = ["FETCHED: dict[str, tuple[str, float]] = {"]
    lines += [f"{name!r}: {fetched!r}," for name, fetched in fetched_weights().items()]
    lines += [
        "}",
        '"""Address and size (MB, 10^6 bytes) of the weights that an encoder fetches."""',
    ]
    return [*lines, *_names("UNWEIGHTED", without_weights(), "Encoders that have no weights.")]


if __name__ == "__main__":
    main()
