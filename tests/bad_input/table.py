"""The page of wrong inputs, made of the table: `python -m tests.bad_input.table > docs/bad-input.md`."""

import re
import sys
from dataclasses import dataclass

from tests.bad_input.cases import GROUPS, Case
from tests.bad_input.place import CommandFailed, Place

FIVE_TIMES = (
    "the training function failed for each of the first 5 configs, so the run was ended. What was recorded is kept: "
    "correct the function and run again, which goes on with new configs. The last failure:\n"
)

HEAD = f"""# Bad input

What is refused, and the message that it gets. An error says what came, what was expected, where, and what to do; its
class says whose fault it is (`paceline.errors`), and all of them are a `PacelineError`.

Refused means: before anything is written. What goes wrong while training (a wrong report, a checkpoint that cannot be
read, a full disk) is a fact about the study: it is in its journal, nothing that was recorded before is lost, and the
study goes on when it is run again.

In the messages `/data` stands for a folder, `…` for a traceback, and `5×` for "{FIVE_TIMES.strip()}"

This page is made by `python -m tests.bad_input.table > docs/bad-input.md`. The tests in `tests/bad_input` try each row,
compare its message, and see to it that nothing was written and nothing is lost.
"""


@dataclass(frozen=True)
class Outcome:
    """What came of a case: the error that was raised, if any, and the text that the user reads."""

    error: BaseException | None
    message: str


def outcome(case: Case, place: Place) -> Outcome:
    """Try a case."""
    try:
        answer = case.do(place)
    except Exception as error:  # noqa: BLE001 - the test compares its class
        return Outcome(error, str(error))
    return Outcome(None, str(answer))


def row(case: Case, result: Outcome, place: Place) -> str:
    """A case's line of the page."""
    match result.error:
        case None:
            kind = "none"
        case CommandFailed(code=code):
            kind = f"exit code {code}"
        case error:
            kind = f"`{type(error).__name__}`"
    return f"| {case.came} | {kind} | {_readable(result.message, place)} |"


def _readable(message: str, place: Place) -> str:
    """A message in one cell, without what differs from machine to machine."""
    text = message.replace(str(place.folder), "/data").replace(FIVE_TIMES, "5× ")
    text = re.sub(r"(?:Traceback \(most recent call last\):\n)?(?:  File .*\n(?:    .*\n)*)+", "… ", text)
    text = re.sub(r"process \d+", "process 4711", text)
    text = re.sub(r"driven by \S+@\S+, ", "driven by ann@node1, ", text)
    text = re.sub(r"heard of \d+ s ago", "heard of 0 s ago", text)
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    text = re.sub(r"x{50,}", "xxx…xxx", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "<br>".join(line.replace("|", "\\|").replace("<", "&lt;") for line in lines)


def main() -> None:
    """Print the page."""
    sys.stdout.write(HEAD)
    for title, cases in GROUPS.items():
        sys.stdout.write(f"\n## {title}\n\n| what came | error | message |\n|---|---|---|\n")
        for case in cases:
            with Place() as place:
                if case.given is not None:
                    case.given(place)
                    place.close()
                sys.stdout.write(f"{row(case, outcome(case, place), place)}\n")


if __name__ == "__main__":
    main()
