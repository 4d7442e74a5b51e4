"""Sequence modelling by population based training: a recurrent network predicts the next character.

pip install torch
python examples/population_sequence.py            # --quick for a small version, --seed for another one

The population learns schedules of learning rate and dropout. The text is made by a small grammar whose verbs agree with
their subjects, and there is so little of it that it can be learned by heart. Random search trains as many networks from
the same space for as long, each with one config. Stop it at any point and run it again: it continues.
"""

import argparse
import math
import random
from statistics import median

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from paceline import PBT, Budget, Float, RandomSearch, Study

ALPHABET = " .abcdefghijklmnopqrstuvwxyz"
HIDDEN = 64
BATCH, LENGTH = 16, 50
STEPS_PER_UNIT = 60
N_TRAINING, N_OTHER = 4_000, 10_000
"""Characters for training; for validation, which is selected by; and for the test, which is not."""

space = {
    "lr": Float(1e-4, 3e-2, log=True),
    "dropout": Float(0.0, 0.7),
}


class Grammar:
    """Random sentences such as "the old cats that the girl sees follow the dog."."""

    NOUNS = ("cat", "dog", "girl", "boy", "teacher", "farmer", "bird", "horse")
    ADJECTIVES = ("old", "young", "small", "tall", "happy", "tired")
    TRANSITIVE = ("see", "like", "follow", "hear", "help")
    INTRANSITIVE = ("sleep", "run", "smile", "wait")

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, length):
        """So many characters of sentences, the last one cut off."""
        text = ""
        while len(text) < length:
            is_plural = self.random.random() < 0.5
            text += f"{self.nouns(is_plural, depth=2)} {self.verbs(is_plural, depth=1)}. "
        return text[:length]

    def nouns(self, is_plural, depth):
        """The old cats, perhaps with a clause about them."""
        words = ["the", *([self.random.choice(self.ADJECTIVES)] if self.random.random() < 0.4 else [])]
        words.append(self.random.choice(self.NOUNS) + ("s" if is_plural else ""))
        if depth and self.random.random() < 0.4:
            words += ["that", self.clause(is_plural, depth - 1)]
        return " ".join(words)

    def clause(self, is_plural, depth):
        """What the nouns do, or what is done to them."""
        if self.random.random() < 0.5:
            return self.verbs(is_plural, depth)
        are_others = self.random.random() < 0.5
        return f"{self.nouns(are_others, depth)} {self.verb(self.TRANSITIVE, are_others)}"

    def verbs(self, is_plural, depth):
        """A verb, and its object if it takes one."""
        if self.random.random() < 0.4:
            return self.verb(self.INTRANSITIVE, is_plural)
        verb = self.verb(self.TRANSITIVE, is_plural)
        return f"{verb} {self.nouns(self.random.random() < 0.5, depth)}"

    def verb(self, verbs, is_plural):
        """One of them, in the form that agrees."""
        return self.random.choice(verbs) + ("" if is_plural else "s")


def characters(seed, length):
    """A text of its own for each seed, as numbers."""
    return torch.tensor([ALPHABET.index(character) for character in Grammar(seed).text(length)])


class Model(nn.Module):
    """A gated recurrent network with dropout before and behind it."""

    def __init__(self, dropout):
        super().__init__()
        self.embedding = nn.Embedding(len(ALPHABET), 32)
        self.recurrent = nn.GRU(32, HIDDEN, batch_first=True)
        self.output = nn.Linear(HIDDEN, len(ALPHABET))
        self.dropout = nn.Dropout(dropout)

    def forward(self, text):
        """The scores of each next character."""
        hidden, _ = self.recurrent(self.dropout(self.embedding(text)))
        return self.output(self.dropout(hidden))

    def loss(self, text):
        """Of predicting each character but the first from those before it, in nats."""
        return cross_entropy(self(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())


@torch.no_grad()
def bits_per_character(model, text):
    """Of a text that is cut into fifty pieces, without dropout."""
    model.eval()
    bits = model.loss(text.view(50, -1)).item() / math.log(2)
    model.train()
    return bits


def train(trial):
    """Train one network, a unit at a time, from wherever it, or the one that it copies, was left."""
    torch.manual_seed(trial.seed + trial.start)  # not the random numbers of the start again when it goes on
    training, validation = characters(0, N_TRAINING), characters(1, N_OTHER)
    model = Model(trial.config["dropout"])
    optimizer = torch.optim.Adam(model.parameters(), lr=trial.config["lr"])
    if trial.checkpoint:
        state = torch.load(trial.checkpoint / "state.pt", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        for group in optimizer.param_groups:
            group["lr"] = trial.config["lr"]  # what was loaded had the rate of the one that was copied

    def save(folder):
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "state.pt")

    for _ in trial.steps():
        for _ in range(STEPS_PER_UNIT):
            begins = torch.randint(len(training) - LENGTH, (BATCH, 1))
            optimizer.zero_grad()
            model.loss(training[begins + torch.arange(LENGTH + 1)]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        trial.report(bits=bits_per_character(model, validation), save=save)


def show(name, study):
    """The best network of a study, and what it cost to find it."""
    best = study.incumbent
    model = Model(dropout=0.0)
    model.load_state_dict(torch.load(best.checkpoint / "state.pt", weights_only=True)["model"])
    finals = [trial.value for trial in study.trials if trial.status == "done" and trial.value is not None]
    held_out = bits_per_character(model, characters(2, N_OTHER))
    print(f"{name}: {best.value:.4f} bits per character, median of all {median(finals):.4f}")
    print(f"  on a text that nothing was selected by: {held_out:.4f}")
    print(
        f"  trained: {study.spent.resource} units of {STEPS_PER_UNIT} steps in all, in {study.spent.elapsed_s:.0f} s"
    )
    for piece in study.schedule():
        values = ", ".join(f"{key} {value:.2g}" for key, value in piece.config.items())
        print(f"  from {piece.start} to {piece.stop}: {values}")


def main():
    """Both methods, one after the other, each on two worker processes."""
    parser = argparse.ArgumentParser(description="Population based training of a recurrent network.")
    parser.add_argument("--quick", action="store_true", help="a small version, which learns little")
    parser.add_argument("--seed", type=int, default=0, help="of the studies (0)")
    options = parser.parse_args()
    members, units, interval = (4, 2, 1) if options.quick else (10, 20, 2)
    name = f"{options.seed}-quick" if options.quick else f"{options.seed}"
    shared = {
        "minimize": "bits",
        "storage": "sqlite:///population-sequence.db",
        "seed": options.seed,
        "unit": "block",
    }
    population = Study(
        f"population-{name}",
        space,
        PBT(max_resource=units, interval=interval, population_size=members),
        **shared,
    )
    random_search = Study(f"random-{name}", space, RandomSearch(max_resource=units), **shared)
    for study, budget in ((population, None), (random_search, Budget(trials=members))):
        study.run(train, workers=2, threads_per_worker=1, budget=budget)
        if study.status == "open":
            raise SystemExit("Stopped. Run it again, and it goes on.")
    show("population based training", population)
    show("random search", random_search)


if __name__ == "__main__":
    main()
