"""All experiments, by name, in the order of the page: population based training, BOHB, ASHA."""

from __future__ import annotations

from collections.abc import Mapping

import bayesian_networks
import claims_rungs
import claims_speed
import claims_stragglers
import convolutions
import counting_ones
import five_hundred
import honesty
import language
import networks
import population_claims
import population_replay
import population_toy
import ppo
import real_curves
import support_vectors
import workers
from evidence import Finding, Lab
from experiment import Experiment

import comparison

PBT = "Jaderberg et al. 2017"
BOHB = "Falkner et al. 2018"
ASHA = "Li et al. 2020"

_POPULATION = "16 members of 40 units each, 640 units in a virtual time of 80, unless a row says otherwise"
_SMALL_TASKS = "the task itself: docs/populations.md says what stands for what"
_NOTHING_TRAINED = (
    "losses are independent and uniform, the same at every rung, and a unit takes a unit of time"
)


def _counting_ones(lab: Lab) -> Finding:
    counting_ones.KEPT.mkdir(parents=True, exist_ok=True)
    return counting_ones.counting_ones(counting_ones.Runs(lab))


_ALL = (
    Experiment(
        "toy",
        "Two members, each of which is taught half of the truth",
        f"{PBT}, fig. 2",
        population_toy.toy,
        "two members of 200 steps each, on one worker",
        2,
        "the learning rate, the interval and the noise, which the paper does not state",
        page="populations.md",
    ),
    Experiment(
        "returns",
        "Reinforcement learning beside random constants",
        f"{PBT}, 4.1",
        population_claims.returns,
        _POPULATION,
        3,
        _SMALL_TASKS,
        page="populations.md",
    ),
    Experiment(
        "learning-rates",
        "Learned schedules beside a tuned grid",
        f"{PBT}, 4.2",
        population_claims.learning_rates,
        _POPULATION,
        3,
        _SMALL_TASKS,
        page="populations.md",
    ),
    Experiment(
        "generators",
        "A generative adversarial network beside random constants",
        f"{PBT}, 4.3",
        population_claims.generators,
        _POPULATION,
        4,
        _SMALL_TASKS,
        page="populations.md",
    ),
    Experiment(
        "population-sizes",
        "Populations of 2 to 32 members",
        f"{PBT}, 4.4",
        population_claims.population_sizes,
        "2 to 32 members of 40 units each",
        4,
        _SMALL_TASKS,
        page="populations.md",
    ),
    Experiment(
        "exploit",
        "Three ways to exploit; what is copied",
        f"{PBT}, 4.4",
        population_claims.exploits,
        _POPULATION,
        5,
        _SMALL_TASKS,
        page="populations.md",
    ),
    Experiment(
        "replay",
        "Schedules trained afresh, beside the last hyperparameters held fixed",
        f"{PBT}, 4.4",
        population_replay.replays,
        _POPULATION,
        5,
        _SMALL_TASKS,
        page="populations.md",
    ),
    Experiment(
        "counting-ones",
        "Counting ones, in 16 and 64 dimensions",
        f"{BOHB}, 5.1",
        _counting_ones,
        "268 full budgets on one worker",
        15,
        "two of the four sizes; SMAC is not among the peers",
        needs=("peers",),
        page="model-based.md",
    ),
    Experiment(
        "support-vectors",
        "A support vector machine on digits, by shares of the training set",
        f"{BOHB}, 5.2",
        support_vectors.support_vectors,
        "50 full trainings' worth of time, on one worker",
        2,
        "1,797 digits of 8 × 8 in place of MNIST, shares from 1/81, a grid that was trained in place of a surrogate; a "
        "Gaussian process and TPE at full resource in place of Fabolas and MTBO; a training counts as a hundred times as long as "
        "it took",
        needs=("tables",),
    ),
    Experiment(
        "networks",
        "Networks on tabular data, early and late",
        f"{BOHB}, 5.3",
        networks.networks,
        "100 full trainings' worth of time, on one worker",
        17,
        "four data sets of scikit-learn in place of six of OpenML, 50 epochs in place of seconds, the nearest of the "
        "configs that were trained in place of a surrogate; a training counts as a hundred times as long as it took",
        needs=("tables",),
    ),
    Experiment(
        "parallel-bohb",
        "BOHB with 1 to 32 workers",
        f"{BOHB}, 5.6",
        networks.parallel,
        "200 full trainings' worth of worker time",
        5,
        "the digits of scikit-learn in place of letters, a table in place of a surrogate",
        needs=("tables",),
    ),
    Experiment(
        "bayesian-networks",
        "A Bayesian neural network",
        f"{BOHB}, 5",
        bayesian_networks.bayesian_networks,
        "the steps of four sweeps of Hyperband, which are 60 full chains, on one worker",
        7,
        "diabetes data (442 rows) for those of the paper; 37 to 1,000 steps for 300 to 10,000, and 16 to 64 units for 16 to "
        "512; as in the authors' code, each evaluation is a chain of its own, paid in full",
    ),
    Experiment(
        "ppo",
        "Reinforcement learning, where more resource is more repetitions",
        f"{BOHB}, 5",
        ppo.ppo,
        "the repetitions of five sweeps of Hyperband, 315, on one worker",
        11,
        "at most 400 episodes of 100 steps for 3,000 of 200, so that a repetition is over when 20 episodes in a row have lasted "
        "100 steps; batches of 8 to 64 episodes for 8 to 256; 8 to 64 units for 8 to 128; 15 brackets for 16. Policy and value "
        "share a network; a promotion adds to the repetitions that were made",
    ),
    Experiment(
        "convolutions",
        "A convolutional network beside its default hyperparameters",
        f"{BOHB}, 5",
        convolutions.convolutions,
        "the epochs of two sweeps of Hyperband, which are 25 full trainings, on 19 workers",
        8,
        "digits of 8 by 8 pixels, 400 to learn from, for CIFAR-10; two convolutions for a residual network; 2, 6, 18 and 54 "
        "epochs for 22, 66, 200 and 600, at a constant learning rate; cutout to half sides of 3 for 10; 8 brackets for 16",
    ),
    Experiment(
        "one-worker",
        "One worker, on surrogates of real curves",
        f"{ASHA}, 4.1",
        workers.one_worker,
        "100 full trainings' worth of time, random search 1,200",
        6,
        "four data sets of lcbench and curves by a formula in place of two networks on images; no PBT, because curves "
        "cannot say what copied weights would do",
        needs=("data",),
    ),
    Experiment(
        "twenty-five-workers",
        "25 workers, on surrogates of real curves",
        f"{ASHA}, 4.2",
        workers.many_workers,
        "100 full trainings' worth of worker time, random search 1,200",
        12,
        "as one-worker",
        needs=("data",),
    ),
    Experiment(
        "real-curves",
        "16 workers, on tables of real curves",
        f"{ASHA}, 4.2",
        real_curves.real_curves,
        "160 full trainings' worth of worker time",
        4,
        "six tables of TaskSet in place of architectures of DARTS",
        needs=("data",),
    ),
    Experiment(
        "language",
        "A language model, beside population based training",
        f"{ASHA}, 4.3",
        language.language,
        "16 workers for a virtual time of 160, in which each trains 160 units",
        10,
        "sentences by a small grammar for a treebank, 48 gated units for the DropConnect LSTM; 64 units of resource at most, "
        "each 1,024 characters; perplexity is per character, and its floor is near 1.6: 2 % of it are more than they seem",
    ),
    Experiment(
        "five-hundred-workers",
        "500 workers and six times time(R)",
        f"{ASHA}, 4.3",
        five_hundred.five_hundred,
        "3,000 full trainings' worth of worker time",
        17,
        "curves by a formula over the paper's space in place of a recurrent network on text; `GaussianProcess` in place of "
        "Vizier",
    ),
    Experiment(
        "variance",
        "How much results vary from seed to seed",
        f"{ASHA}, appendix",
        support_vectors.variance,
        "as support-vectors",
        2,
        "as support-vectors",
        needs=("tables",),
    ),
    Experiment(
        "wrong-promotions",
        "Promotions that turn out to be wrong",
        f"{ASHA}, 3.3",
        claims_rungs.wrong_promotions,
        "64 to 4,096 configs in the bottom rung",
        2,
        _NOTHING_TRAINED,
        page="claims.md",
    ),
    Experiment(
        "time-bound",
        "The time of the first config at R",
        f"{ASHA}, 3.3",
        claims_speed.time_bound,
        "until the first config is fully trained",
        1,
        _NOTHING_TRAINED,
        page="claims.md",
    ),
    Experiment(
        "infinite-horizon",
        "The highest rung without a limit",
        f"{ASHA}, 3.3",
        claims_rungs.infinite_horizon,
        "up to 4,096 configs",
        1,
        _NOTHING_TRAINED,
        page="claims.md",
    ),
    Experiment(
        "stragglers",
        "Stragglers and dropped jobs",
        f"{ASHA}, appendix",
        claims_stragglers.stragglers,
        "25 workers for 2,000 units of time",
        4,
        _NOTHING_TRAINED,
        page="claims.md",
    ),
    Experiment(
        "delay-rule",
        "The delay rule",
        "Li et al. 2022 (Hyper-Tune)",
        claims_rungs.delay_rule,
        "1,000 configs in the bottom rung",
        1,
        _NOTHING_TRAINED,
        page="claims.md",
    ),
    Experiment(
        "bracket-shares",
        "Asynchronous Hyperband's brackets",
        "Li et al. 2018, 2020",
        claims_rungs.bracket_shares,
        "2 to 5 brackets, by resource and by trials",
        1,
        _NOTHING_TRAINED,
        page="claims.md",
    ),
    Experiment(
        "time-to-target",
        "One and 25 workers on made-up losses",
        f"{ASHA}, 4.1 and 4.2",
        claims_speed.time_to_target,
        "until a config as good as one in 1,000 is fully trained",
        3,
        "losses are made up, with a rank correlation of 0.8 between the lowest and the highest rung",
        page="claims.md",
    ),
    Experiment(
        "comparison",
        "All methods and most peers, on four families of real tasks",
        "ours",
        comparison.full,
        "30 full trainings' worth of worker time on 8 workers, and as much resource",
        35,
        needs=("data", "peers", "interpreters"),
    ),
    Experiment(
        "costly-peers",
        "The peers that think longest, on four real tasks",
        "ours",
        comparison.costly,
        "30 full trainings' worth of worker time on 8 workers, and as much resource",
        40,
        needs=("data", "peers", "interpreters"),
    ),
    Experiment(
        "honesty",
        "A method compared with itself, and with one that has a handicap",
        "ours",
        honesty.honesty,
        "20 full trainings' worth of worker time on 8 workers, in each of 300 comparisons of 240 runs",
        25,
        page="compare.md",
    ),
    Experiment(
        "sensitivity",
        "What each method's own settings change",
        "ours",
        comparison.sensitivity,
        "30 full trainings' worth of worker time on 8 workers, and as much resource",
        5,
        needs=("data",),
    ),
)

EXPERIMENTS: Mapping[str, Experiment] = {it.name: it for it in _ALL}
"""By name."""
