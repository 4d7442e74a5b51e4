"""A page: sections of text, tables and charts, in one file that asks for nothing else.

plotly.js lies in the page compressed, and so do the figures; the browser unpacks both and draws what can be seen first.
The page's policy forbids it any connection. Equal contents give equal pages.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from paceline.pages.library import kinds_of, library
from paceline.pages.packing import packed
from paceline.wording import number

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; form-action 'none'; "
    "base-uri 'none'"
)
"""No connections, and nothing that could be sent by a form."""

_LONG = 25
"""Rows of a table from which on it is scrolled by itself."""

NEEDED = "The charts need JavaScript and a browser that can unpack gzip: Chrome or Edge 80, Safari 16.4, Firefox 113, or newer."


class Page:
    """A page that is filled from above to below.

    Args:
        title: of the page.
        subtitle: under it.
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self._title = title
        self._subtitle = subtitle
        self._sections: list[str] = []
        self._body: list[str] = []
        self._figures: list[Figure] = []

    def section(self, title: str, text: str = "") -> None:
        """Begin a section, which the table of contents names."""
        self._sections.append(title)
        self._body.append(f'<h2 id="section-{len(self._sections)}">{_text(title)}</h2>')
        if text:
            self.paragraph(text)

    def paragraph(self, text: str) -> None:
        """A paragraph."""
        self._body.append(f"<p>{_text(text)}</p>")

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "") -> None:
        """A table, sorted by a column where its head is clicked.

        Args:
            header: the columns' names; a table whose columns have none has no head.
            rows: of cells: numbers, texts, or `None` for nothing. A column of numbers is aligned at the right.
            caption: above it.
        """
        kept = [list(row) for row in rows]
        sides = [_side([row[place] for row in kept]) for place in range(len(header))]
        names = "".join(f"<th{side}>{_text(name)}</th>" for name, side in zip(header, sides, strict=True))
        head = f"<thead><tr>{names}</tr></thead>" if any(header) else ""
        body = "\n".join(
            "<tr>"
            + "".join(f"<td{side}>{_cell(one)}</td>" for one, side in zip(row, sides, strict=True))
            + "</tr>"
            for row in kept
        )
        kind = "table long" if len(kept) > _LONG else "table"
        self._body.append(
            f'<div class="{kind}"><table>{_caption("caption", caption)}{head}<tbody>{body}</tbody></table></div>'
        )

    def chart(self, figure: Figure, *, caption: str = "", height: int = 420, width: int = 0) -> None:
        """A chart.

        Args:
            figure: of plotly. The page sets its fonts, background and grid; titles of axes and traces are the figure's,
                and so is the escaping of names in them (`escaped`).
            caption: under it.
            height: in pixels.
            width: the least, in pixels; on a narrower screen it is scrolled.
        """
        self._body.append(_chart(self._numbers([figure]), "", caption, height, width))

    def charts(
        self,
        figures: Sequence[tuple[Figure, str]],
        *,
        caption: str = "",
        height: int = 260,
        legend: Mapping[str, str] | None = None,
    ) -> None:
        """Small charts beside each other, as many in a row as there is room for.

        Args:
            figures: with what is written under each.
            caption: above them.
            height: of each, in pixels.
            legend: colours by what they mean, for all of them.
        """
        keys = "".join(
            f'<span><i style="background:{_text(colour)}"></i>{_text(label)}</span>'
            for label, colour in (legend or {}).items()
        )
        charts = "".join(_chart(self._numbers([figure]), "", under, height, 0) for figure, under in figures)
        head = _caption("p", caption) + (f'<p class="legend">{keys}</p>' if keys else "")
        self._body.append(f'{head}<div class="grid">{charts}</div>')

    def choice(
        self, label: str, figures: Mapping[str, Figure], *, caption: str = "", height: int = 420
    ) -> None:
        """One of several charts, chosen by a select box; the first one at first.

        Args:
            label: of the select box.
            figures: by the name under which each is chosen.
            caption: under the chart.
            height: in pixels.
        """
        options = "".join(f"<option>{_text(name)}</option>" for name in figures)
        select = f"<label>{_text(label)} <select>{options}</select></label>"
        self._body.append(_chart(self._numbers(list(figures.values())), select, caption, height, 0))

    def to_html(self) -> str:
        """The page.

        Raises:
            SettingError: plotly is not installed.
        """
        parts = files("paceline.pages")
        style, script = (parts.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
        scripts = ""
        if self._figures:
            scripts = (
                f'<script type="text/plain" id="library">{library(kinds_of(self._figures))}</script>\n'
                f'<script type="text/plain" id="figures">{packed(self._figures)}</script>\n'
            )
        title, subtitle = _text(self._title), _text(self._subtitle)
        links = "".join(
            f'<li><a href="#section-{place}">{_text(name)}</a></li>'
            for place, name in enumerate(self._sections, 1)
        )
        return (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
            f"<style>\n{style}</style>\n</head>\n<body>\n<header><h1>{title}</h1><p>{subtitle}</p></header>\n"
            f"<nav><ul>{links}</ul></nav>\n<main>\n<noscript><p>{NEEDED}</p></noscript>\n"
            + "\n".join(self._body)
            + f"\n</main>\n{scripts}<script>\n{script}</script>\n</body>\n</html>\n"
        )

    def _numbers(self, figures: Sequence[Figure]) -> str:
        """Keep figures; their places among all."""
        first = len(self._figures)
        self._figures += figures
        return " ".join(str(first + place) for place in range(len(figures)))


def _chart(numbers: str, select: str, caption: str, height: int, width: int) -> str:
    size = f"height:{height}px;min-width:min({width}px,250%)" if width else f"height:{height}px"
    return (
        f'<figure>{select}<div class="frame"><div class="chart" data-figures="{numbers}" data-needed="{NEEDED}" '
        f'style="{size}"></div></div>{_caption("figcaption", caption)}</figure>'
    )


def _text(text: object) -> str:
    return html.escape(str(text))


def _caption(tag: str, text: str) -> str:
    return f"<{tag}>{_text(text)}</{tag}>" if text else ""


def _cell(value: object) -> str:
    if value is None:
        return ""
    return _text(number(value) if isinstance(value, float) else value)


def _side(column: Sequence[Any]) -> str:
    """At the right, where there is nothing but numbers."""
    there = [one for one in column if one is not None]
    is_number = bool(there) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in there
    )
    return ' class="number"' if is_number else ""
