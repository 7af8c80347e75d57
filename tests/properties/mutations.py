"""Files of people as accidents leave them: cut, flipped, doubled, in other encodings, too deep.

Every mutation depends on the generator alone, so a number names a case for ever.
"""

import copy
import gzip
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]
PAGE = b"<!doctype html><html><head><title>Log in</title></head><body>Log in</body></html>"
SIGNS = (b'"', b"'", b",", b";", b"\t", b"\n", b"\r", b"{", b"}", b"[", b"]", b":", b"=", b"#")
NUMBERS = (b"9" * 5_000, b"1e999", b"-1", b"NaN", b"Infinity", b"0x10", b"1_000", b"2" * 19)
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "cp500")


def mutated(content: bytes, number: int) -> bytes:
    """Return the content after one to three accidents: the case of this number."""
    rng = np.random.default_rng([number, len(content)])
    for _ in range(int(rng.integers(1, 4))):
        content = MUTATIONS[int(rng.integers(len(MUTATIONS)))](content, rng)
    return content


def mutated_json(content: bytes, number: int) -> bytes:
    """Return the content with values of other types in it, or after accidents to its bytes."""
    rng = np.random.default_rng([number, len(content)])
    if number % 3 == 0:
        return mutated(content, number)
    tree = json.loads(content)
    for _ in range(int(rng.integers(1, 4))):
        tree = _changed(tree, rng)
    return json.dumps(tree).encode()


def _flip(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 20)) if content else 0):
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _inserted(content: bytes, rng: np.random.Generator, new: bytes) -> bytes:
    at = int(rng.integers(len(content) + 1))
    return content[:at] + new + content[at:]


def _insert(content: bytes, rng: np.random.Generator) -> bytes:
    return _inserted(content, rng, rng.bytes(int(rng.integers(1, 60))))


def _nul(content: bytes, rng: np.random.Generator) -> bytes:
    return _inserted(content, rng, b"\0" * int(rng.integers(1, 5)))


def _sign(content: bytes, rng: np.random.Generator) -> bytes:
    return _inserted(content, rng, SIGNS[int(rng.integers(len(SIGNS)))])


def _deep(content: bytes, rng: np.random.Generator) -> bytes:
    return _inserted(content, rng, (b"[", b'{"a":', b"(")[int(rng.integers(3))] * 20_000)


def _number(content: bytes, rng: np.random.Generator) -> bytes:
    places = [i for i, byte in enumerate(content) if 48 <= byte <= 57]
    if not places:
        return content
    at = places[int(rng.integers(len(places)))]
    return content[:at] + NUMBERS[int(rng.integers(len(NUMBERS)))] + content[at + 1 :]


def _slice(content: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start, end = sorted(rng.integers(len(content) + 1, size=2).tolist())
    return start, min(end, start + 2_000)


def _double(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _slice(content, rng)
    return content[:end] + content[start:]


def _drop(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _slice(content, rng)
    return content[:start] + content[end:]


def _shuffle(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[i] for i in rng.permutation(len(lines)))


def _encode(content: bytes, rng: np.random.Generator) -> bytes:
    text = content.decode(errors="replace")
    return text.encode(ENCODINGS[int(rng.integers(len(ENCODINGS)))], "replace")


def _replace(content: bytes, rng: np.random.Generator) -> bytes:
    others = (b"", PAGE, gzip.compress(content), b"PK\x03\x04" + content, b"\n" * 50, content * 2)
    return others[int(rng.integers(len(others)))]


MUTATIONS: tuple[Mutation, ...] = (
    _flip,
    _cut,
    _insert,
    _nul,
    _sign,
    _deep,
    _number,
    _double,
    _drop,
    _shuffle,
    _encode,
    _replace,
)

OTHERS: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**30,
    math.nan,
    math.inf,
    "",
    "Dog",
    "\ud800",
    "a\nb",
    [],
    {},
    ["cat"],
    {"choices": "cat"},
    [[[[]]]],
)


def _changed(tree: Any, rng: np.random.Generator) -> Any:
    """Return the tree with one node, wherever it stands, replaced, removed or doubled."""
    where: list[tuple[Any, Any]] = []
    _nodes(tree, where)
    if not where or rng.random() < 0.02:
        return copy.deepcopy(OTHERS[int(rng.integers(len(OTHERS)))])
    owner, key = where[int(rng.integers(len(where)))]
    kind = int(rng.integers(4))
    if kind == 0 and isinstance(owner, dict):
        del owner[key]
    elif kind == 1 and isinstance(owner, list):
        owner.append(copy.deepcopy(owner[key]))
    else:
        owner[key] = copy.deepcopy(OTHERS[int(rng.integers(len(OTHERS)))])
    return tree


def _nodes(tree: Any, where: list[tuple[Any, Any]]) -> None:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree) if _is_list(tree) else 0)
    for key in keys:
        where.append((tree, key))
        _nodes(tree[key], where)


def _is_list(tree: Any) -> bool:
    return isinstance(tree, list)
