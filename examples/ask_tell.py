"""A loop of your own: ask for a job, train it wherever and however you like, tell what came of it.

    python examples/ask_tell.py

The study is as durable as ever: end this program at any point and start it again.
"""

from paceline import ASHA, Budget, Float, Study

study = Study(
    "ask-tell",
    {"rate": Float(1e-3, 1.0, log=True), "decay": Float(0.0, 0.5)},
    ASHA(max_resource=9),
    minimize="loss",
    storage="sqlite:///ask-tell.db",
)


def loss_after(config, epochs):
    """Gradient descent on x², in closed form."""
    x = 1.0
    for epoch in range(epochs):
        x -= 2 * x * config["rate"] * (1 - config["decay"]) ** epoch
    return x * x


if __name__ == "__main__":
    with study:
        study.set_budget(Budget(trials=30))
        while (job := study.ask()) is not None:
            study.tell(job, loss=loss_after(job.config, job.target))
        print(study.incumbent)
