"""A model behind Flask, as one writes it today: csv in, a score a line out.

    MODEL=model.ubj gunicorn app_flask:app
"""
import io
import os

import numpy
import xgboost
from flask import Flask, Response, request

app = Flask(__name__)
booster = xgboost.Booster()
booster.load_model(os.environ["MODEL"])
booster.set_param({"nthread": 1})


@app.get("/ping")
def ping():
    return Response("")


@app.post("/invocations")
def invocations():
    body = request.get_data()
    rows = numpy.loadtxt(io.BytesIO(body), delimiter=",", dtype=numpy.float32, ndmin=2)
    scores = booster.inplace_predict(rows)
    return Response("".join(f"{score}\n" for score in scores.tolist()), mimetype="text/csv")
