"""Settings: what the user writes to choose a scheduler or a sampler, and what the journal keeps of it.

A settings class is a frozen record that validates itself and builds the machine that it describes. As JSON it is its
fields and its class's name under "type"; reading it back looks that name up among the classes that are imported, so
opening somebody else's study runs none of their code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import msgspec

from paceline.errors import SchemaError, SettingError


class Settings(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The root of all settings.

    A subclass is declared with `frozen=True, kw_only=True, tag=True` and validates in `__post_init__`.
    """

    growing: ClassVar[tuple[str, ...]] = ()
    """The fields that may be raised on an existing study."""

    is_internal: ClassVar[bool] = False
    """Whether only Paceline itself makes them: a user's file cannot name them."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; `from_json` gives equal settings back."""
        # By way of text, so that tuples are lists, as they are when they are read back.
        text = msgspec.json.encode(self, enc_hook=_plain)
        settings: dict[str, Any] = msgspec.json.decode(text)
        return settings

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The settings that `to_json` wrote.

        Raises:
            SchemaError: no class of that name is imported, or it has other fields in this version.
        """
        name = data.get("type")
        found = {sub.__name__: sub for sub in _subclasses(cls)}.get(str(name))
        if found is None:
            raise SchemaError(
                f"the study was made with {name!r}, which is no {cls.__name__} of this version of Paceline. "
                "If it is your own class, import its module before opening the study."
            )
        fields = {key: value for key, value in data.items() if key != "type"}
        try:
            settings: Self = found(**{key: _value(value) for key, value in fields.items()})
        except (TypeError, SettingError) as error:
            raise SchemaError(
                f"the study's {name} has settings that this version does not know: {error}"
            ) from error
        return settings

    def differences(self, new: Settings) -> list[str]:
        """Why what was decided with these settings would be wrong with `new`, a sentence each; growing fields may grow."""
        if type(new) is not type(self):
            return [f"it was made with {type(self).__name__}, not {type(new).__name__}"]
        rule = f"; only {', '.join(self.growing)} may change, upwards" if self.growing else ""
        problems: list[str] = []
        for field in self.__struct_fields__:
            mine, theirs = getattr(self, field), getattr(new, field)
            is_raised = field in self.growing and (math.inf if mine is None else mine) < (
                math.inf if theirs is None else theirs
            )
            if mine != theirs and not is_raised:
                problems.append(f"{field} was {mine!r}, not {theirs!r}{rule}")
        return problems


def at_least(name: str, value: object, least: int) -> None:
    """Refuse a setting that is not a whole number of at least `least`.

    Raises:
        SettingError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingError(name, value, expected=f"a whole number of at least {least}")


def within(name: str, value: object, low: float, high: float) -> None:
    """Refuse a setting that is not a number from `low` to `high`, both included.

    Raises:
        SettingError: it is something else.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and low <= value <= high):  # type: ignore[operator]  # a number, as was just shown
        raise SettingError(name, value, expected=f"a number from {low:g} to {high:g}")


def true_or_false(name: str, value: object) -> None:
    """Refuse a setting that is neither `True` nor `False`: any text would count as true.

    Raises:
        SettingError: it is something else.
    """
    if not isinstance(value, bool):
        raise SettingError(name, value, expected="True or False")


def one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a setting that is not one of `choices`.

    Raises:
        SettingError: it is something else.
    """
    if value not in choices:
        raise SettingError(name, value, expected="one of " + ", ".join(map(repr, choices)))


def _subclasses(cls: type[Settings]) -> Iterator[type[Any]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _plain(value: object) -> float:
    """NumPy's floats are Python's, with another name.

    Raises:
        NotImplementedError: it is something else.
    """
    if isinstance(value, float):
        return float(value)
    raise NotImplementedError


def _value(value: Any) -> Any:
    # In a dict by hyperparameter, "type" may be one of them: there, a number stands under it.
    if isinstance(value, Mapping) and isinstance(value.get("type"), str):
        return Settings.from_json(value)
    if isinstance(value, list | tuple):
        return tuple(map(_value, value))
    return value
