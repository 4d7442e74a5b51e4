"""Figures as small as they can be without a visible difference, and whatever is large as compressed text.

Numbers become typed arrays (plotly reads them by `dtype` and `bdata`), of 32 bits where nobody could see the difference;
long lists of texts that several figures show, such as what is said of each trial, are kept once.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

SHARED = "shared"
"""The key by which a figure refers to a list of texts, by its place among all that are kept once."""

_LONG = 20
"""Lists of texts from this length on are worth a reference."""

_VISIBLE = 1e-5
"""Of the spread of an array: what a rounding may change."""


def packed(figures: Iterable[Any]) -> str:
    """Figures, as compressed text: `{"figures": [...], "texts": [[...], ...]}`.

    Args:
        figures: of plotly; their templates are left out, since the page has its own.
    """
    texts: dict[tuple[str, ...], int] = {}
    documents = []
    for figure in figures:
        document = figure.to_plotly_json()
        layout = {name: value for name, value in document["layout"].items() if name != "template"}
        documents.append(_small({"data": document["data"], "layout": layout}, texts))
    return compressed(
        json.dumps({"figures": documents, "texts": list(texts)}, separators=(",", ":"), allow_nan=False)
    )


def compressed(text: str) -> str:
    """Text by gzip and base64. Equal texts give equal results."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _small(part: Any, texts: dict[tuple[str, ...], int]) -> Any:  # noqa: PLR0911 - a case for each kind
    """A part of a figure, for JSON."""
    match part:
        case {"dtype": str(kind), "bdata": str(data), **more}:
            array = np.frombuffer(base64.b64decode(data), kind)
            return {**_array(array), **{name: value for name, value in more.items() if name == "shape"}}
        case Mapping():
            return {name: _small(value, texts) for name, value in part.items()}
        case np.ndarray() if part.dtype.kind in "iuf" and part.ndim == 1:
            return _array(part)
        case np.ndarray():
            return _small(part.tolist(), texts)
        case np.generic():
            return _small(part.item(), texts)
        case str() | bytes():
            return part
        case Sequence():
            return _list(part, texts)
        case float() if not np.isfinite(part):
            return None
        case _:
            return part


def _list(part: Sequence[Any], texts: dict[tuple[str, ...], int]) -> Any:
    if len(part) >= _LONG and all(isinstance(one, str) for one in part):
        return {SHARED: texts.setdefault(tuple(part), len(texts))}
    return [_small(one, texts) for one in part]


def _array(array: npt.NDArray[Any]) -> dict[str, str]:
    """A typed array as plotly reads it."""
    narrow = _narrowed(array)
    kind = narrow.dtype.newbyteorder("<")
    return {
        "dtype": f"{kind.kind}{kind.itemsize}",
        "bdata": base64.b64encode(narrow.astype(kind).tobytes()).decode(),
    }


def _narrowed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """In 32 bits, where what is lost is too small to be seen; integers as floats, where they need more than 32."""
    if array.dtype.kind in "iu":
        limits = np.iinfo(np.int32)
        if array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max):
            return array.astype(np.int32)
        return array.astype(np.float64)
    finite = array[np.isfinite(array)]
    if finite.size == 0 or np.abs(finite).max() > np.finfo(np.float32).max:
        return array.astype(np.float64 if finite.size else np.float32)
    lost = np.abs(finite - finite.astype(np.float32)).max()
    return array.astype(np.float32 if lost <= _VISIBLE * np.ptp(finite) else np.float64)
