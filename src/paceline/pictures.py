"""Pictures of a population, with Matplotlib (`pip install 'paceline[pictures]'`): its lineage and its schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paceline.errors import SettingError
from paceline.schedulers.replay import Piece
from paceline.space import Categorical, Constant, Domain, Float, Integer, Ordinal, Scalar
from paceline.space.scalars import identity
from paceline.views import TrialView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from paceline.study import Study

FORMATS = ("png", "svg", "pdf")
"""What a figure is saved as."""

OTHERS, CHOSEN = "#b8c4ce", "#c8102e"
"""Colours: of everybody, and of whom the picture is about."""

_WIDTH = 9.0
_MOST_LABELS = 40
"""Rows of the lineage that are named one by one; with more, the axis has its usual ticks."""


def lineage_picture(study: Study, trial: int | None = None) -> Figure:
    """Who was forked from whom: a row for each member, a line for each trial, an arrow for each fork.

    Args:
        study: with a population, or any other.
        trial: whose ancestors are shown in colour; `None` is the incumbent's.

    Raises:
        SettingError: Matplotlib is not installed, or there is no such trial.
    """
    trials = study.trials
    line = study.schedule(trial)
    rows = sorted({_row(view) for view in trials})
    figure = _figure(0.16 * len(rows) + 1.5)
    axes = figure.add_subplot()
    for view in trials:
        begin = view.origin_resource or 0
        row = _row(view)
        axes.plot([begin, max(view.resource, begin)], [row, row], color=OTHERS, linewidth=1)
        if view.origin is not None:
            _arrow(axes, begin, _row(trials[view.origin]), row, color=OTHERS, linewidth=0.6)
    before = None
    for piece in line:
        row = _row(trials[piece.trial or 0])
        axes.plot([piece.start, piece.stop], [row, row], color=CHOSEN, linewidth=2)
        if before is not None:
            _arrow(axes, piece.start, before, row, color=CHOSEN, linewidth=1.4)
        before = row
    axes.set(xlabel=study.unit, ylabel="member", title=f"{study.name}: lineage{_of(study, trial)}")
    if len(rows) <= _MOST_LABELS:
        axes.set_yticks(rows, [str(row) for row in rows])
    axes.invert_yaxis()
    return figure


def schedule_picture(study: Study, trial: int | None = None) -> Figure:
    """The hyperparameters that weights were trained with, over the resource: one panel for each hyperparameter.

    Args:
        study: with a population, or any other.
        trial: whose schedule is shown in colour; `None` is the incumbent's. Those of all other members are grey.

    Raises:
        SettingError: Matplotlib is not installed, or there is no such trial.
    """
    chosen = study.schedule(trial)
    last = {_row(view): view.id for view in study.trials}  # ids rise: the last that has the place
    others = [study.schedule(one) for one in last.values()]
    domains = {name: it for name, it in study.space.domains.items() if not isinstance(it, Constant)}
    figure = _figure(2.0 * len(domains) + 0.8)
    panels = figure.subplots(max(1, len(domains)), sharex=True, squeeze=False)[:, 0]
    for axes, (name, domain) in zip(panels, domains.items(), strict=False):
        for pieces in others:
            _steps(axes, name, domain, pieces, color=OTHERS, linewidth=0.8)
        _steps(axes, name, domain, chosen, color=CHOSEN, linewidth=2.0)
        _scale(axes, name, domain)
    panels[0].set_title(f"{study.name}: schedule{_of(study, trial)}")
    panels[-1].set_xlabel(study.unit)
    return figure


def _arrow(axes: Axes, at: int, before: int, after: int, *, color: str, linewidth: float) -> None:
    """From one row to another."""
    look = {"arrowstyle": "-|>", "linewidth": linewidth, "color": color, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=(at, after), xytext=(at, before), arrowprops=look, zorder=2 + (color == CHOSEN))


def _row(view: TrialView) -> int:
    return view.id if view.member is None else view.member


def _of(study: Study, trial: int | None) -> str:
    """Whom a picture is about."""
    if trial is not None:
        return f" of trial {trial}"
    incumbent = study.incumbent
    return "" if incumbent is None else f" of trial {incumbent.trial}, the incumbent"


def _steps(
    axes: Axes, name: str, domain: Domain, pieces: Sequence[Piece], *, color: str, linewidth: float
) -> None:
    """A line that is level within each piece, and interrupted where the hyperparameter is inactive."""
    places, heights = [], []
    for piece in pieces:
        value = piece.config.get(name)
        height = float("nan") if value is None else _height(domain, value)
        places += [piece.start, piece.stop]
        heights += [height, height]
    axes.plot(places, heights, color=color, linewidth=linewidth, solid_capstyle="butt")


def _height(domain: Domain, value: Scalar) -> float:
    """Where a value is drawn: those without a distance by their place among all."""
    if isinstance(domain, Float | Integer):
        return float(value)  # type: ignore[arg-type]  # a number
    return float([identity(one) for one in _values(domain)].index(identity(value)))


def _values(domain: Domain) -> Sequence[Scalar]:
    match domain:
        case Categorical():
            return domain.choices
        case Ordinal():
            return domain.values
        case _:
            return ()


def _scale(axes: Axes, name: str, domain: Domain) -> None:
    axes.set_ylabel(name)
    if isinstance(domain, Float | Integer):
        axes.set_yscale("log" if domain.log else "linear")
        return
    values = _values(domain)
    axes.set_yticks(range(len(values)), map(str, values))
    axes.set_ylim(-0.5, len(values) - 0.5)


def _figure(height: float) -> Figure:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingError(
            "picture", "", expected="Matplotlib", hint="Run: pip install 'paceline[pictures]'."
        ) from error
    return Figure(figsize=(_WIDTH, max(2.5, height)), layout="constrained", dpi=120)
