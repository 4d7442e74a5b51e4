"""The pictures of a study, one call each, with Matplotlib (`pip install 'paceline[pictures]'`): for papers and notebooks.

Each call takes a study, also one that runs, and returns a `matplotlib.figure.Figure`. What is drawn is decided in
`paceline.series`, as for the page of `paceline.report`; what was left out is written below the picture.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from paceline.pictures.coordinates import parallel as parallel
from paceline.pictures.incumbents import incumbent as incumbent
from paceline.pictures.ladder import rungs as rungs
from paceline.pictures.learning import curves as curves
from paceline.pictures.panels import slices as slices
from paceline.pictures.population import lineage as lineage
from paceline.pictures.population import schedule as schedule
from paceline.pictures.shares import importance as importance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS: Mapping[str, Callable[..., "Figure"]] = {
    "incumbent": incumbent,
    "curves": curves,
    "rungs": rungs,
    "parallel": parallel,
    "slices": slices,
    "importance": importance,
    "lineage": lineage,
    "schedule": schedule,
}
"""All pictures, by name."""

FORMATS = ("png", "svg", "pdf")
"""What a figure is saved as."""
