"""plotly, where it is installed, and text that it is to show as it stands."""

from __future__ import annotations

import html
from typing import Any

from paceline.errors import SettingError


def graph_objects() -> Any:
    """The module of plotly that figures are made with.

    Raises:
        SettingError: plotly is not installed.
    """
    try:
        from plotly import graph_objects as module  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingError(
            "report", "", expected="plotly", hint="Run: pip install 'paceline[report]'."
        ) from error
    return module


def escaped(text: object) -> str:
    """Text for a figure's titles, labels and hover text, which plotly would read as a kind of HTML."""
    return html.escape(str(text), quote=False)
