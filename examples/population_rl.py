"""Reinforcement learning by population based training: an actor-critic learns to balance a pole.

pip install torch gymnasium
python examples/population_rl.py            # --quick for a small version, --seed for another one

The population learns schedules of learning rate, entropy cost and unroll length. Random search trains as many agents
from the same space for as long, each with one config. Stop it at any point and run it again: it continues.
"""

import argparse
from statistics import median

import gymnasium
import numpy as np
import torch
from torch import nn

from paceline import PBT, Budget, Float, Integer, RandomSearch, Study

TASK = "CartPole-v1"
N_ENVS = 16
STEPS_PER_UNIT = 128
"""In each environment, so a unit of resource is 2,048 steps."""

DISCOUNT = 0.99
REWARD_SCALE = 0.05
SELECTION_SEED, HELD_OUT_SEED = 1, 2

space = {
    "lr": Float(1e-5, 3e-2, log=True),
    "entropy_cost": Float(1e-4, 1e-1, log=True),
    "unroll": Integer(5, 64, log=True),
}


class Agent(nn.Module):
    """A policy and a value on one body."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.policy = nn.Linear(64, 2)
        self.value = nn.Linear(64, 1)

    def forward(self, observation):
        """Log-probabilities of the actions, and the value."""
        hidden = self.body(torch.as_tensor(observation))
        return self.policy(hidden).log_softmax(-1), self.value(hidden).squeeze(-1)


class Experience:
    """Environments that go on from one unroll to the next.

    An environment whose episode is over starts a new one at its next step, which ignores the action. `is_first` marks
    these steps: nothing is learned from them.
    """

    def __init__(self, seed):
        self.envs = gymnasium.make_vec(TASK, num_envs=N_ENVS)
        self.observation, _ = self.envs.reset(seed=seed)
        self.is_first = torch.zeros(N_ENVS, dtype=torch.bool)

    def unroll(self, agent, length, entropy_cost):
        """The loss of the next `length` steps: advantages by the returns of as many steps as there are."""
        log_probs, values, entropies, rewards, goes_on, is_first = [], [], [], [], [], []
        for _ in range(length):
            policy, value = agent(self.observation)
            action = torch.multinomial(policy.detach().exp(), 1)
            log_probs.append(policy.gather(1, action)[:, 0])
            values.append(value)
            entropies.append(-(policy.exp() * policy).sum(-1))
            is_first.append(self.is_first)
            self.observation, reward, fallen, cut_off, _ = self.envs.step(action[:, 0].numpy())
            rewards.append(REWARD_SCALE * torch.as_tensor(reward, dtype=torch.float32))
            goes_on.append(
                torch.as_tensor(~fallen)
            )  # one that was only cut off is worth its last state's value
            self.is_first = torch.as_tensor(fallen | cut_off)
        with torch.no_grad():
            following = agent(self.observation)[1]
        returns = []
        for t in reversed(range(length)):
            following = rewards[t] + DISCOUNT * goes_on[t] * following
            following = torch.where(is_first[t], values[t].detach(), following)
            returns.append(following)
        advantage = torch.stack(returns[::-1]) - torch.stack(values)
        policy_loss = -(advantage.detach() * torch.stack(log_probs)).mean()
        return policy_loss + 0.5 * advantage.square().mean() - entropy_cost * torch.stack(entropies).mean()


def evaluate(agent, seed, episodes):
    """The mean return of episodes in which the agent does what it thinks best, without exploring."""
    envs = gymnasium.make_vec(TASK, num_envs=episodes)
    observation, _ = envs.reset(seed=seed)
    total, is_alive = np.zeros(episodes), np.ones(episodes, dtype=bool)
    while is_alive.any():
        with torch.no_grad():
            action = agent(observation)[0].argmax(-1).numpy()
        observation, reward, fallen, cut_off, _ = envs.step(action)
        total += reward * is_alive
        is_alive &= ~(fallen | cut_off)
    return total.mean()


def train(trial):
    """Train one agent, a unit at a time, from wherever it, or the one that it copies, was left."""
    seed = trial.seed + trial.start  # not the random numbers of the start again when it goes on
    torch.manual_seed(seed)
    lr, entropy_cost, length = trial.config["lr"], trial.config["entropy_cost"], trial.config["unroll"]
    agent = Agent()
    optimizer = torch.optim.Adam(agent.parameters(), lr=lr)
    if trial.checkpoint:
        state = torch.load(trial.checkpoint / "state.pt", weights_only=True)
        agent.load_state_dict(state["agent"])
        optimizer.load_state_dict(state["optimizer"])
        for group in optimizer.param_groups:
            group["lr"] = lr  # what was loaded had the rate of the one that was copied
    experience = Experience(seed)

    def save(folder):
        torch.save({"agent": agent.state_dict(), "optimizer": optimizer.state_dict()}, folder / "state.pt")

    for _ in trial.steps():
        for begin in range(0, STEPS_PER_UNIT, length):
            loss = experience.unroll(agent, min(length, STEPS_PER_UNIT - begin), entropy_cost)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
        trial.report(score=evaluate(agent, SELECTION_SEED, episodes=32), save=save)


def show(name, study):
    """The best agent of a study, and what it cost to find it."""
    best = study.incumbent
    agent = Agent()
    agent.load_state_dict(torch.load(best.checkpoint / "state.pt", weights_only=True)["agent"])
    finals = [trial.value for trial in study.trials if trial.status == "done"]
    print(f"{name}: score {best.value:.1f} of 500, median of all {median(finals):.1f}")
    print(f"  in episodes that nothing was selected by: {evaluate(agent, HELD_OUT_SEED, episodes=200):.1f}")
    print(f"  trained: {study.spent.resource} units of 2,048 steps in all, in {study.spent.elapsed_s:.0f} s")
    for piece in study.schedule():
        values = ", ".join(f"{key} {value:.2g}" for key, value in piece.config.items())
        print(f"  from {piece.start} to {piece.stop}: {values}")


def main():
    """Both methods, one after the other, each on two worker processes."""
    parser = argparse.ArgumentParser(description="Population based training of an actor-critic.")
    parser.add_argument("--quick", action="store_true", help="a small version, which learns little")
    parser.add_argument("--seed", type=int, default=0, help="of the studies (0)")
    options = parser.parse_args()
    agents, units, interval = (4, 2, 1) if options.quick else (16, 12, 1)
    name = f"{options.seed}-quick" if options.quick else f"{options.seed}"
    shared = {
        "maximize": "score",
        "storage": "sqlite:///population-rl.db",
        "seed": options.seed,
        "unit": "block",
    }
    population = Study(
        f"population-{name}",
        space,
        PBT(max_resource=units, interval=interval, population_size=agents),
        **shared,
    )
    random_search = Study(f"random-{name}", space, RandomSearch(max_resource=units), **shared)
    for study, budget in ((population, None), (random_search, Budget(trials=agents))):
        study.run(train, workers=2, threads_per_worker=1, budget=budget)
        if study.status == "open":
            raise SystemExit("Stopped. Run it again, and it goes on.")
    show("population based training", population)
    show("random search", random_search)


if __name__ == "__main__":
    main()
