"""Tables that are trained once on the user's own machine, and kept: benchmarks of real training without a download.

In reading order: `data` (the data sets, in three parts), `recipe` (what is trained, and its stamp), `network` and `mlp`
(networks), `svm` (support vector machines), `parts` (what files hold), `shelf` (which tables there are, and where),
`making`.
"""

from paceline.benchmarks.trained.making import make, make_table
from paceline.benchmarks.trained.mlp import MLP
from paceline.benchmarks.trained.recipe import Recipe
from paceline.benchmarks.trained.shelf import RECIPES, TableState, state
from paceline.benchmarks.trained.svm import SVM

__all__ = ["MLP", "RECIPES", "SVM", "Recipe", "TableState", "make", "make_table", "state"]
