"""Paceline tunes expensive training runs with asynchronous, parallel, multi-fidelity search.

What a user needs is on this page. The rest is for those who extend it: executors in `paceline.executors.protocol`,
schedulers in `paceline.schedulers.base`, samplers in `paceline.samplers.base`, contract suites in `paceline.testing`.
"""

from paceline.errors import CheckpointError as CheckpointError
from paceline.errors import JournalConflict as JournalConflict
from paceline.errors import PacelineError as PacelineError
from paceline.errors import ReportError as ReportError
from paceline.errors import SchemaError as SchemaError
from paceline.errors import SettingError as SettingError
from paceline.errors import SpaceError as SpaceError
from paceline.errors import StorageError as StorageError
from paceline.errors import StudyMismatchError as StudyMismatchError
from paceline.errors import StudyNotFoundError as StudyNotFoundError
from paceline.errors import TrainingFunctionError as TrainingFunctionError
from paceline.events import Budget as Budget
from paceline.forecast import forecast as forecast
from paceline.recommended import Recommendation as Recommendation
from paceline.recommended import recommended as recommended
from paceline.samplers.alternating import Alternating as Alternating
from paceline.samplers.gaussian_process import GaussianProcess as GaussianProcess
from paceline.samplers.grid import Grid as Grid
from paceline.samplers.kde import KDE as KDE
from paceline.samplers.kde import TPE as TPE
from paceline.samplers.quasirandom import QuasiRandom as QuasiRandom
from paceline.samplers.random import Random as Random
from paceline.samplers.trees import Trees as Trees
from paceline.schedulers.asha import ASHA as ASHA
from paceline.schedulers.bohb import BOHB as BOHB
from paceline.schedulers.hyperband import Hyperband as Hyperband
from paceline.schedulers.pb2 import PB2 as PB2
from paceline.schedulers.pbt import PBT as PBT
from paceline.schedulers.replay import Replay as Replay
from paceline.schedulers.single_fidelity import FullResource as FullResource
from paceline.schedulers.single_fidelity import GridSearch as GridSearch
from paceline.schedulers.single_fidelity import QuasiRandomSearch as QuasiRandomSearch
from paceline.schedulers.single_fidelity import RandomSearch as RandomSearch
from paceline.schedulers.successive_halving import SuccessiveHalving as SuccessiveHalving
from paceline.simulation import simulate as simulate
from paceline.space import Categorical as Categorical
from paceline.space import Constant as Constant
from paceline.space import Constraint as Constraint
from paceline.space import Float as Float
from paceline.space import Integer as Integer
from paceline.space import Ordinal as Ordinal
from paceline.space import Space as Space
from paceline.space import above as above
from paceline.space import below as below
from paceline.space import between as between
from paceline.space.perturb import Explore as Explore
from paceline.space.perturb import Perturb as Perturb
from paceline.study import Study as Study
from paceline.whatif import whatif as whatif
from paceline.worker import TrialHandle as TrialHandle

__version__ = "0.1.0"
