"""The main job: ASHA tunes a neural network on handwritten digits, on two worker processes.

    python examples/demo.py

Real epochs of scikit-learn's MLP on its digits data. Stop it with Ctrl-C, or kill it, and run it again: it continues.
"""

import pickle
import warnings

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from paceline import ASHA, Budget, Categorical, Float, Integer, Study

space = {
    "learning_rate": Float(1e-4, 1e-1, log=True),
    "width": Integer(8, 256, log=True),
    "alpha": Float(1e-7, 1e-1, log=True),
    "batch_size": Integer(16, 256, log=True),
    "solver": Categorical(["adam", "sgd"]),
    "momentum": Float(0.0, 0.99, when={"solver": "sgd"}),
}


def load_data():
    """Half for training, half for validation, both scaled by the training half."""
    x, y = load_digits(return_X_y=True)
    x_train, x_valid, y_train, y_valid = train_test_split(x, y, test_size=0.5, random_state=0, stratify=y)
    scaler = StandardScaler().fit(x_train)
    return scaler.transform(x_train), scaler.transform(x_valid), y_train, y_valid


def train(trial):
    """Train one config, an epoch at a time, from wherever it was left."""
    x_train, x_valid, y_train, y_valid = load_data()
    if trial.checkpoint:
        model = pickle.loads((trial.checkpoint / "model.pkl").read_bytes())
    else:
        config = dict(trial.config)
        model = MLPClassifier(
            hidden_layer_sizes=(config.pop("width"),),
            learning_rate_init=config.pop("learning_rate"),
            random_state=trial.seed,
            **config,
        )
    for _ in trial.steps():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large learning rate may overflow: its accuracy says enough
            model.partial_fit(x_train, y_train, classes=range(10))
            accuracy = model.score(x_valid, y_valid)
        trial.report(
            accuracy=accuracy,
            save=lambda folder: (folder / "model.pkl").write_bytes(pickle.dumps(model)),
        )


study = Study(
    "digits",
    space,
    ASHA(max_resource=27),
    maximize="accuracy",
    unit="epoch",
    storage="sqlite:///digits.db",
)

if __name__ == "__main__":
    study.run(train, workers=2, budget=Budget(trials=60))
    best = study.incumbent
    print(f"best: trial {best.trial}, accuracy {best.value:.4f} after {best.resource} epochs")
    print(best.config)
    print(
        "Now try: .venv/bin/paceline status --storage sqlite:///digits.db    (or explain, replay, trials, export)"
    )
