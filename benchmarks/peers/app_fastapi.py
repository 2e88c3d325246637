"""A model behind FastAPI, as one writes it today: csv in, a score a line out.

    MODEL=model.ubj uvicorn app_fastapi:app
"""
import io
import os

import numpy
import xgboost
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

app = FastAPI()
booster = xgboost.Booster()
booster.load_model(os.environ["MODEL"])
booster.set_param({"nthread": 1})


@app.get("/ping")
async def ping():
    return PlainTextResponse("")


@app.post("/invocations")
async def invocations(request: Request):
    body = await request.body()
    rows = numpy.loadtxt(io.BytesIO(body), delimiter=",", dtype=numpy.float32, ndmin=2)
    scores = booster.inplace_predict(rows)
    return PlainTextResponse("".join(f"{score}\n" for score in scores.tolist()), media_type="text/csv")
