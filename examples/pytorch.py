"""PyTorch with checkpoints: model and optimizer are saved when a job is done, and loaded when the trial goes on.

pip install torch scikit-learn
python examples/pytorch.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from paceline import ASHA, Budget, Categorical, Float, Integer, Study

space = {
    "lr": Float(1e-4, 1e-1, log=True),
    "width": Integer(16, 256, log=True),
    "dropout": Float(0.0, 0.6),
    "optimizer": Categorical(["sgd", "adam"]),
    "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
}


def load_data():
    """Images of 8 × 8 pixels: 1,300 for training, the rest for validation."""
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16
    y = torch.tensor(digits.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return x[order[:1300]], y[order[:1300]], x[order[1300:]], y[order[1300:]]


def build(config):
    """The network and the optimizer of one config."""
    width = config["width"]
    model = nn.Sequential(
        nn.Linear(64, width), nn.ReLU(), nn.Dropout(config["dropout"]), nn.Linear(width, 10)
    )
    if config["optimizer"] == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=config["momentum"])
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
    return model, optimizer


def train(trial):
    """Train one config, an epoch at a time, from wherever it was left."""
    torch.manual_seed(trial.seed + trial.start)
    x_train, y_train, x_valid, y_valid = load_data()
    model, optimizer = build(trial.config)
    if trial.checkpoint:
        state = torch.load(trial.checkpoint / "state.pt", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])

    def save(folder):
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "state.pt")

    for _ in trial.steps():
        model.train()
        for batch in torch.randperm(len(x_train)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x_train[batch]), y_train[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(x_valid).argmax(1) == y_valid).float().mean()
        trial.report(accuracy=accuracy, save=save)


study = Study(
    "pytorch-digits",
    space,
    ASHA(max_resource=27),
    maximize="accuracy",
    unit="epoch",
    storage="sqlite:///pytorch-digits.db",
)

if __name__ == "__main__":
    study.run(train, workers=2, budget=Budget(trials=40))
    print(study.incumbent)
