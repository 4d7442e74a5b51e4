"""The search space.

In reading order: `scalars` (what a value is), `scales` (the map to the unit interval), `conditions` (what ties
hyperparameters together), `domains` (one hyperparameter), `hierarchy` (what conditions make of several), `space` (all of
it), `configspace` (spaces that are written for ConfigSpace).
"""

from paceline.space.conditions import Constraint, above, below, between
from paceline.space.domains import Categorical, Constant, Domain, Float, Integer, Ordinal
from paceline.space.scalars import Config, Scalar
from paceline.space.space import Space

__all__ = [
    "Categorical",
    "Config",
    "Constant",
    "Constraint",
    "Domain",
    "Float",
    "Integer",
    "Ordinal",
    "Scalar",
    "Space",
    "above",
    "below",
    "between",
]
