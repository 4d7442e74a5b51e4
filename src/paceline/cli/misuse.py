"""Command lines that are wrong in a way that no single option shows."""

from __future__ import annotations

import typer

# typer has carried click inside since some version: the base of its error is the one name that all versions share.
UsageError: type[BaseException] = typer.BadParameter.__mro__[1]
"""Whatever typer finds wrong with a command line."""


class Misuse(typer.BadParameter):
    """Options that do not go together, or name something that is not there. The message stands for itself."""

    def format_message(self) -> str:
        """The message."""
        return self.message
