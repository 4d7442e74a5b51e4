"""Folders of data that several files of tests read."""

import json

import numpy as np
import pytest

from paceline.benchmarks.families import FAMILIES

from .making import CHOICES, RANGES, REPEATED, ROWS, VALID, learning_curves, linear_network, write_family


@pytest.fixture
def table_folder(tmp_path):
    folder = tmp_path / "taskset"
    folder.mkdir()
    (folder / "space.json").write_text(json.dumps({"space": RANGES}))
    np.save(folder / "configs.npy", ROWS)
    np.savez(folder / "made_up.npz", valid=VALID)
    return folder


@pytest.fixture
def glmnet_folder(tmp_path):
    """mmce = code / 100 + alpha / 4 + trainsize / 2, timetrain = 1 + s."""
    folder = write_family(tmp_path, "iaml_glmnet", choices={})
    targets = FAMILIES["iaml_glmnet"].targets
    weights, bias = np.zeros((len(targets), 4)), np.zeros(len(targets))
    weights[targets.index("mmce")] = [0.01, 0.25, 0, 0.5]
    weights[targets.index("timetrain"), 2] = bias[targets.index("timetrain")] = 1
    (folder / "model.onnx").write_bytes(linear_network(weights, bias))
    return folder


@pytest.fixture
def grid_folder(tmp_path):
    folder = tmp_path / "fcnet"
    folder.mkdir()
    (folder / "space.json").write_text(json.dumps({"space": CHOICES, "note": "by hand"}))
    np.savez(folder / "made_up.npz", loss=REPEATED.astype(np.float32))
    return folder


@pytest.fixture
def lcdb_file(tmp_path):
    folder = tmp_path / "lcdb"
    folder.mkdir()
    np.savez(folder / "42.npz", **learning_curves())
    return folder / "42.npz"
