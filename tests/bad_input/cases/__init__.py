"""Wrong inputs, one row each: what somebody does, which error answers, and what its message must say.

`Case.do` is what the user does, in a `Place`. A case is refused before anything is written, unless it says `records`:
what goes wrong while training is a fact about the study, and is in its journal.

The page `docs/bad-input.md` is made of this table; see `table.py`.
"""

from tests.bad_input.cases.asking import ASKED, LOOKING
from tests.bad_input.cases.case import Case
from tests.bad_input.cases.commands import COMMANDS
from tests.bad_input.cases.saving import CHECKPOINTS, DISKS
from tests.bad_input.cases.settings import RUNS, SCHEDULERS, STUDIES
from tests.bad_input.cases.spaces import CONDITIONS, CONSTRAINTS, POINTS, SPACES
from tests.bad_input.cases.storages import OTHERS, STORAGES
from tests.bad_input.cases.training import FUNCTIONS, METRICS, REPORTS

__all__ = ["GROUPS", "Case"]

GROUPS = {
    "Space": SPACES,
    "Conditions": CONDITIONS,
    "Constraints": CONSTRAINTS,
    "Points": POINTS,
    "Schedulers": SCHEDULERS,
    "What a study is given": STUDIES,
    "What a run is given": RUNS,
    "Storage": STORAGES,
    "Another study than the one there is": OTHERS,
    "The training function": FUNCTIONS,
    "Metrics": METRICS,
    "Reports": REPORTS,
    "Checkpoints": CHECKPOINTS,
    "The disk": DISKS,
    "Ask and tell": ASKED,
    "Looking": LOOKING,
    "The command line": COMMANDS,
}
