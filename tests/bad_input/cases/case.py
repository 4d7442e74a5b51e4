"""What a wrong input is."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bad_input.place import Place


@dataclass(frozen=True)
class Case:
    """A wrong input.

    Args:
        came: what came, in the words of the page.
        do: what the user does. Where no error is raised, it answers with what the user can read of it.
        error: the class of what is raised, exactly; `None` where nothing is.
        says: what the message must contain, with `{folder}` for the place's.
        given: what was there before.
        records: whether facts are recorded, of a run that was right to begin.
        is_lost_cause: whether the storage cannot be gone on with.
    """

    came: str
    do: Callable[[Place], object]
    error: type[BaseException] | None
    says: tuple[str, ...]
    given: Callable[[Place], object] | None = None
    records: bool = False
    is_lost_cause: bool = False


def existing(place):
    """A study of five trials."""
    place.exists()
