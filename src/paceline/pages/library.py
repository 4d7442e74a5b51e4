"""plotly.js, with only those kinds of traces started that a page draws.

A browser takes longer to start all of plotly.js (maps, three dimensions, and forty more) than to draw a page. The file
ends with a list of what it starts beyond its core; what no figure needs is taken from that list. If the list is not found
as expected, the file is left as it is: then a page opens more slowly, and shows the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from paceline.pages.packing import compressed

CORE = "scatter"
"""The kind of trace that is always started; and that of a trace without a type."""

_LIST = ".register(["
_CALLS = re.compile(r"(?:[\w$]+\(\),?)+(?=\]\))")
_MODULE = re.compile(r"[\w$]+\(\([\w$,]*\)=>\{")
_PASSED_ON = re.compile(r'"use strict";[\w$]+\.exports=([\w$]+)\(\)\}\)')
_KIND = re.compile(r'moduleType:"trace",name:"(\w+)"')
_MOST_STEPS = 4
_NEAR = 5_000  # letters after the begin of a module, within which it says what it is


def kinds_of(figures: Iterable[Any]) -> frozenset[str]:
    """The kinds of traces that figures of plotly have."""
    return frozenset(trace.type or CORE for figure in figures for trace in figure.data)


@cache
def library(kinds: frozenset[str]) -> str:
    """plotly.js for these kinds of traces, compressed."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - an extra

    return compressed(with_kinds(get_plotlyjs(), kinds))


def with_kinds(script: str, kinds: frozenset[str]) -> str:
    """plotly.js that starts these kinds of traces only; unchanged, if they are not found in it.

    Args:
        script: plotly.js, as it comes.
        kinds: such as `{"scatter", "bar"}`.
    """
    last = script.rfind(_LIST)
    found = None if last < 0 else _CALLS.match(script, last + len(_LIST))
    if found is None:
        return script
    by_kind = _modules(script, found[0].rstrip(",").split(","))
    wanted = kinds - {CORE}
    if not by_kind.keys() >= wanted:
        return script
    kept = ",".join(by_kind[kind] for kind in sorted(wanted))
    return f"{script[: found.start()]}{kept}{script[found.end() :]}"


def _modules(script: str, calls: list[str]) -> Mapping[str, str]:
    """The calls of a list, by the kind of trace that each brings."""
    return {kind: call for call in calls if (kind := _kind(script, call.removesuffix("()"))) is not None}


def _kind(script: str, name: str) -> str | None:
    """What a module says that it is, itself or by the one that it passes on."""
    for _ in range(_MOST_STEPS):
        body = _body(script, name)
        following = _PASSED_ON.match(body)
        if following is None:
            kind = _KIND.search(body)
            return None if kind is None else kind[1]
        name = following[1]
    return None


def _body(script: str, name: str) -> str:
    """How a module begins; nothing where there is none of this name."""
    at = script.find(f"{name}=")
    while at >= 0:
        begin = _MODULE.match(script, at + len(name) + 1)
        if begin is not None and not (script[at - 1].isalnum() or script[at - 1] in "_$"):
            return script[begin.end() : begin.end() + _NEAR]
        at = script.find(f"{name}=", at + 1)
    return ""
