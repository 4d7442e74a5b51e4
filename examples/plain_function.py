"""Any function that returns a number can be tuned: no resource, no checkpoints, no loop.

    python examples/plain_function.py

Without `trial.steps()` a job is one call, and what it returns is its report.
"""

from paceline import Budget, Float, RandomSearch, Study


def train(trial):
    """A paraboloid: the optimum is at x = 2, y = -1."""
    x, y = trial.config["x"], trial.config["y"]
    return (x - 2) ** 2 + (y + 1) ** 2


if __name__ == "__main__":
    study = Study(
        "paraboloid",
        {"x": Float(-5, 5), "y": Float(-5, 5)},
        RandomSearch(),
        minimize="loss",
        storage="memory:",
    )
    study.run(train, workers=2, budget=Budget(trials=200))
    print(study.incumbent)
