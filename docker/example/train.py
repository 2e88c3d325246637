#!/usr/bin/python3
"""Trains the example: a classifier on the breast-cancer data that scikit-learn ships.

Needs Debian's python3-xgboost and python3-sklearn. Writes model.json (XGBoost's own JSON) and
rows.csv (three rows to try it with) beside this script. The same packages give the same files.
"""
import pathlib

import numpy
import sklearn.datasets
import xgboost

here = pathlib.Path(__file__).parent
data = sklearn.datasets.load_breast_cancer()
names = [name.replace(" ", "_") for name in data.feature_names]
train = xgboost.DMatrix(data.data[:500], data.target[:500], feature_names=names)
booster = xgboost.train(
    {"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "nthread": 1, "seed": 7},
    train,
    num_boost_round=30,
)
booster.save_model(here / "model.json")
rows = data.data[[500, 510, 540]]
numpy.savetxt(here / "rows.csv", rows, fmt="%.10g", delimiter=",")
