"""A generative adversarial network by population based training, on eight Gaussians in a ring.

pip install torch
python examples/population_gan.py            # --quick for a small version, --seed for another one

The population learns schedules of both learning rates. Neither loss says how good a generator is, so what is selected by
is the energy distance between its samples and the mixture's, which is not trained on. Random search trains as many
networks from the same space for as long, each with one config. Stop it at any point and run it again: it continues.
"""

import argparse
import math
from statistics import median

import torch
from torch import nn
from torch.nn.functional import softplus

from paceline import PBT, Budget, Float, Perturb, RandomSearch, Study

N_MODES, RADIUS, SPREAD = 8, 2.0, 0.05
LATENT = 8
BATCH = 128
STEPS_PER_UNIT = 300
SELECTION_SEED, HELD_OUT_SEED = 1, 2

space = {
    "lr_generator": Float(1e-5, 1e-2, log=True),
    "lr_discriminator": Float(1e-5, 1e-2, log=True),
}


def centres():
    """Of the Gaussians, on a circle."""
    angles = torch.arange(N_MODES) * (2 * math.pi / N_MODES)
    return RADIUS * torch.stack([angles.cos(), angles.sin()], dim=1)


def real(n, generator=None):
    """Samples of the mixture."""
    chosen = centres()[torch.randint(N_MODES, (n,), generator=generator)]
    return chosen + SPREAD * torch.randn(n, 2, generator=generator)


def network(n_inputs, n_outputs):
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(n_inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, n_outputs)
    )


@torch.no_grad()
def evaluate(generator, seed, n=2000):
    """The energy distance between n samples and as many of the mixture, and how many modes the former cover.

    A mode is covered if a tenth of its share, or more, lies within four standard deviations of its centre.
    """
    randomness = torch.Generator().manual_seed(seed)
    x, y = generator(torch.randn(n, LATENT, generator=randomness)), real(n, randomness)
    distance = 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()
    gaps, nearest = torch.cdist(x, centres()).min(dim=1)
    counts = torch.bincount(nearest[gaps < 4 * SPREAD], minlength=N_MODES)
    return distance.item(), int((counts >= n / N_MODES / 10).sum())


def train(trial):
    """Train one pair of networks, a unit at a time, from wherever it, or the one that it copies, was left."""
    torch.manual_seed(trial.seed + trial.start)  # not the random numbers of the start again when it goes on
    parts = {"generator": network(LATENT, 2), "discriminator": network(2, 1)}
    for name in list(parts):
        lr = trial.config[f"lr_{name}"]
        parts[f"{name}_optimizer"] = torch.optim.Adam(parts[name].parameters(), lr=lr, betas=(0.5, 0.999))
    if trial.checkpoint:
        state = torch.load(trial.checkpoint / "state.pt", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
    generator, discriminator, g_optimizer, d_optimizer = parts.values()
    for name, optimizer in {"generator": g_optimizer, "discriminator": d_optimizer}.items():
        for group in optimizer.param_groups:
            group["lr"] = trial.config[
                f"lr_{name}"
            ]  # what was loaded had the rate of the one that was copied

    def save(folder):
        torch.save({name: part.state_dict() for name, part in parts.items()}, folder / "state.pt")

    for _ in trial.steps():
        for _ in range(STEPS_PER_UNIT):
            fake = generator(torch.randn(BATCH, LATENT))
            d_loss = (
                softplus(-discriminator(real(BATCH))).mean() + softplus(discriminator(fake.detach())).mean()
            )
            d_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()
            g_loss = softplus(-discriminator(fake)).mean()
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()
        distance, modes = evaluate(generator, SELECTION_SEED)
        trial.report(distance=distance, modes=modes, save=save)


def show(name, study):
    """The best generator of a study, and what it cost to find it."""
    best = study.incumbent
    generator = network(LATENT, 2)
    generator.load_state_dict(torch.load(best.checkpoint / "state.pt", weights_only=True)["generator"])
    finals = [trial.value for trial in study.trials if trial.status == "done" and trial.value is not None]
    distance, modes = evaluate(generator, HELD_OUT_SEED, n=5000)
    print(f"{name}: energy distance {best.value:.4f}, median of all {median(finals):.4f}")
    print(f"  on samples that nothing was selected by: {distance:.4f}, {modes} of {N_MODES} modes covered")
    print(
        f"  trained: {study.spent.resource} units of {STEPS_PER_UNIT} steps in all, in {study.spent.elapsed_s:.0f} s"
    )
    for piece in study.schedule():
        values = ", ".join(f"{key} {value:.2g}" for key, value in piece.config.items())
        print(f"  from {piece.start} to {piece.stop}: {values}")


def main():
    """Both methods, one after the other, each on two worker processes."""
    parser = argparse.ArgumentParser(description="Population based training of a GAN.")
    parser.add_argument("--quick", action="store_true", help="a small version, which learns little")
    parser.add_argument("--seed", type=int, default=0, help="of the studies (0)")
    options = parser.parse_args()
    members, units, interval = (4, 2, 1) if options.quick else (12, 24, 2)
    name = f"{options.seed}-quick" if options.quick else f"{options.seed}"
    shared = {
        "minimize": "distance",
        "storage": "sqlite:///population-gan.db",
        "seed": options.seed,
        "unit": "block",
    }
    population = Study(
        f"population-{name}",
        space,
        PBT(
            max_resource=units,
            interval=interval,
            population_size=members,
            explore=Perturb(factors=(0.5, 2.0)),  # three decades are wide for steps of a fifth
        ),
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
