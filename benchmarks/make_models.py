#!/usr/bin/env python3
"""Trains the models that the benchmarks score, and writes the rows they score.

    make_models.py FOLDER [NAME...]      (without names: all)
    make_models.py --list

Each model gets FOLDER/NAME/ with

    model.ubj    as XGBoost saves it; every version from 1.6 on and endpointd load it
    trees.txt    the trees as plain numbers, for peers that build a model from its nodes
    rows.f32     1000 rows, row-major float32 in the machine's byte order, NaN where missing
    rows.csv     the same rows with four significant digits, an empty cell where missing
    large.csv    (model s) rows.csv a hundred times: a body of 20 MB
    about.json   what was made; nothing is trained again while it is what would be made

Needs numpy and xgboost. Rows are normal random numbers, and so are those that the models are
trained with: such trees use many thresholds on many features, which no scorer can guess.
"""
import json
import os
import pathlib
import sys

ROWS = 1000
TRAINING_ROWS = 20000
VERSION = 1  # of this script's output

COMMON = {
    "objective": "binary:logistic",
    "base_score": 0.5,
    "min_child_weight": 0,
    "tree_method": "hist",
    "seed": 1,
}
# name: (what it is, features, trees, parameters, what is special about the data)
MODELS = {
    "s": ("100 trees, depth 6, 30 features", 30, 100, {"max_depth": 6}, ()),
    "l": ("1000 trees, depth 8, 100 features", 100, 1000, {"max_depth": 8}, ()),
    "missing": ("S, 10 % of the values missing", 30, 100, {"max_depth": 6}, ("missing",)),
    "categorical": ("S, 10 of 30 features categorical", 30, 100,
                    {"max_depth": 6, "max_cat_to_onehot": 4}, ("categorical",)),
    "wide": ("S, 784 features", 784, 100, {"max_depth": 6}, ()),
    "deep": ("S, depth 12", 30, 100, {"max_depth": 12}, ()),
    "few": ("S, 10 trees", 30, 10, {"max_depth": 6}, ()),
    "thresholds": ("300 trees, more than 255 thresholds a feature", 30, 300,
                   {"max_depth": 6, "max_bin": 1024}, ()),
    "leaves64": ("S, grown leaf by leaf, 64 leaves", 30, 100,
                 {"grow_policy": "lossguide", "max_leaves": 64, "max_depth": 0}, ()),
    "leaves255": ("S, grown leaf by leaf, 255 leaves", 30, 100,
                  {"grow_policy": "lossguide", "max_leaves": 255, "max_depth": 0}, ()),
    "classes": ("5 classes, 20 trees each", 30, 20,
                {"max_depth": 6, "objective": "multi:softprob", "num_class": 5}, ()),
}
CATEGORICAL_FEATURES = 10
CATEGORIES = 40


def description(name):
    what, features, trees, parameters, special = MODELS[name]
    return {
        "version": VERSION,
        "name": name,
        "what": what,
        "features": features,
        "trees": trees,
        "outputs": parameters.get("num_class", 1),
        "parameters": {**COMMON, **parameters},
        "special": list(special),
    }


def make_data(numpy, about, count, seed):
    random = numpy.random.RandomState(seed)
    rows = random.standard_normal((count, about["features"])).astype(numpy.float32)
    if "categorical" in about["special"]:
        shape = (count, CATEGORICAL_FEATURES)
        rows[:, :CATEGORICAL_FEATURES] = random.randint(0, CATEGORIES, shape)
    if "missing" in about["special"]:
        rows[random.uniform(size=rows.shape) < 0.1] = numpy.nan
    return rows


def make_labels(numpy, about, rows):
    """Something to learn from every feature, with noise."""
    random = numpy.random.RandomState(2)
    known = numpy.nan_to_num(rows)
    weights = random.standard_normal(rows.shape[1])
    pairs = random.randint(0, rows.shape[1], (rows.shape[1], 2))
    if "categorical" in about["special"]:
        effect = random.standard_normal((CATEGORICAL_FEATURES, CATEGORIES))
        for feature in range(CATEGORICAL_FEATURES):
            known[:, feature] = effect[feature][known[:, feature].astype(int)]
    score = known @ weights + sum(known[:, a] * known[:, b] for a, b in pairs)
    score += random.standard_normal(len(rows)) * score.std() / 2
    if about["outputs"] == 1:
        return (score > 0).astype(int)
    return numpy.searchsorted(numpy.quantile(score, [0.2, 0.4, 0.6, 0.8]), score)


def write_trees(path, booster):
    """A line with the number of trees; a tree is a line with its number of nodes, then a line a
    node: left, right, feature, threshold or leaf value as a hexadecimal double, default left."""
    model = json.loads(booster.save_raw("json").decode())
    trees = model["learner"]["gradient_booster"]["model"]["trees"]
    with open(path, "w") as file:
        print(len(trees), file=file)
        for tree in trees:
            print(len(tree["left_children"]), file=file)
            for left, right, feature, value, default in zip(
                    tree["left_children"], tree["right_children"], tree["split_indices"],
                    tree["split_conditions"], tree["default_left"]):
                print(left, right, feature, float(value).hex(), int(default), file=file)


def write_csv(path, rows):
    with open(path, "w") as file:
        for row in rows.tolist():
            print(",".join("" if x != x else f"{x:.4g}" for x in row), file=file)


def make(folder, about):
    import numpy
    import xgboost

    folder.mkdir(parents=True, exist_ok=True)
    types = None
    if "categorical" in about["special"]:
        numeric = about["features"] - CATEGORICAL_FEATURES
        types = ["c"] * CATEGORICAL_FEATURES + ["q"] * numeric
    rows = make_data(numpy, about, TRAINING_ROWS, 3)
    data = xgboost.DMatrix(rows, make_labels(numpy, about, rows), feature_types=types,
                           enable_categorical=types is not None)
    booster = xgboost.train(about["parameters"], data, about["trees"])
    booster.save_model(str(folder / "model.ubj"))
    write_trees(folder / "trees.txt", booster)
    rows = make_data(numpy, about, ROWS, 4)
    rows.tofile(str(folder / "rows.f32"))
    write_csv(folder / "rows.csv", rows)
    if about["name"] == "s":
        (folder / "large.csv").write_bytes((folder / "rows.csv").read_bytes() * 100)
    about["xgboost"] = xgboost.__version__
    (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n")


def is_made(folder, about):
    try:
        found = json.loads((folder / "about.json").read_text())
    except (OSError, ValueError):
        return False
    return {**found, **about} == found


def main():
    if sys.argv[1:] == ["--list"]:
        for name, (what, *_) in MODELS.items():
            print(f"{name:12} {what}")
        return
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    for name in sys.argv[2:] or MODELS:
        if name not in MODELS:
            sys.exit(f"make_models.py: no model {name!r}: choose from {', '.join(MODELS)}")
        about = description(name)
        folder = pathlib.Path(sys.argv[1]) / name
        if not is_made(folder, about):
            print(f"training {name}: {about['what']}", file=sys.stderr, flush=True)
            make(folder, about)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # others may want the processors
    main()
