"""Real Linear Learner artifacts: what a SageMaker endpoint answered, and the bytes that were published."""
import json
import struct

import pytest

from conftest import fixture_path, run, serving

# linear-learner 5.1 and 5.2: the endpoint's bodies for the first two inputs
TWO_JSON = (
    b'{"predictions": [{"score": 0.9899773597717285, "predicted_label": 1}, '
    b'{"score": 0.5041388273239136, "predicted_label": 1}]}'
)
TWO_LINES = (
    b'{"predicted_label":1,"score":0.989977359771728}\n'
    b'{"predicted_label":1,"score":0.504138827323913}\n'
)


@pytest.fixture(scope="module")
def capture():
    captured = json.loads(
        fixture_path("linear-learner", "endpoint_json_capture.json").read_text()
    )
    return captured["inputs"], captured["predictions"]


@pytest.fixture(scope="module")
def adult():
    with serving("--model", fixture_path("linear-learner", "adult.model.tar.gz")) as running:
        yield running


def as_json(inputs):
    return json.dumps({"instances": inputs}), "application/json"


def as_lines(inputs):
    return "".join(json.dumps(row) + "\n" for row in inputs), "application/jsonlines"


def as_csv(inputs):
    return "\n".join(",".join(map(str, row["features"])) for row in inputs), "text/csv"


def as_sparse(inputs):
    rows = []
    for row in inputs:
        keys = [i for i, value in enumerate(row["features"]) if value]
        values = [row["features"][i] for i in keys]
        rows.append({"data": {"features": {"keys": keys, "shape": [14], "values": values}}})
    return json.dumps({"instances": rows}), "application/json"


def as_recordio(inputs):
    body = b""
    for row in inputs:
        floats = struct.pack("<14f", *row["features"])
        tensor = b"\x0a" + bytes([len(floats)]) + floats
        value = b"\x12" + bytes([len(tensor)]) + tensor
        entry = b"\x0a\x06values\x12" + bytes([len(value)]) + value
        record = b"\x0a" + bytes([len(entry)]) + entry
        body += struct.pack("<II", 0xCED7230A, len(record)) + record + b"\0" * (-len(record) % 4)
    return body, "application/x-recordio-protobuf"


FORMS = [as_json, as_lines, as_csv, as_sparse, as_recordio]


@pytest.mark.parametrize("form", FORMS)
def test_captured_answers(adult, capture, form):
    """Labels exact, scores within what the endpoint's own order of sums makes of them."""
    inputs, expected = capture
    body, content_type = form(inputs)
    response, data = adult.post(body, content_type, "application/json")
    assert response.status == 200
    answers = json.loads(data)["predictions"]
    assert len(answers) == len(expected) == 334
    for answer, known in zip(answers, expected):
        assert answer["predicted_label"] == known["predicted_label"]
        assert answer["score"] == pytest.approx(known["score"], rel=2e-6)


@pytest.mark.parametrize("form", FORMS)
def test_published_bytes(adult, capture, form):
    body, content_type = form(capture[0][:2])
    assert adult.post(body, content_type, "application/json")[1] == TWO_JSON
    assert adult.post(body, content_type)[1] == TWO_JSON
    assert adult.post(body, content_type, "application/jsonlines")[1] == TWO_LINES


def test_row_by_row(adult, capture):
    """A row's answer does not depend on the rows beside it."""
    inputs, _ = capture
    all_rows = json.loads(adult.post(*as_json(inputs))[1])["predictions"]
    for row, answer in zip(inputs, all_rows):
        assert json.loads(adult.post(*as_json([row]))[1])["predictions"] == [answer]


def test_data_sets_of_the_fixture(adult):
    for name in ("test-dataset", "validation-dataset"):
        lines = fixture_path("linear-learner", f"{name}.jsonl").read_text()
        count = len([line for line in lines.splitlines() if line.strip()])
        response, data = adult.post(lines, "application/jsonlines", "application/jsonlines")
        assert response.status == 200 and data.count(b"\n") == count


def test_inspect_adult():
    path = fixture_path("linear-learner", "adult.model.tar.gz")
    shown = json.loads(run("inspect", "--json", path).stdout)
    assert shown["algorithm"] == "linear-learner"
    assert shown["features"] == 14 and shown["fc0_weight"] == [14, 1]
    assert shown["predictor_type"] == "binary_classifier" and shown["loss_type"] == "logistic"
    assert shown["threshold"] == 0.46301859617233276 and shown["profile"] == "py3"


def test_regressor_of_one_feature():
    path = fixture_path("linear-learner", "regressor-1feature.model.tar.gz")
    result = run("predict", "--model", path, "--header", stdin=b"0\n1\n-2.5\n")
    lines = result.stdout.decode().splitlines()
    assert lines[0] == "score"
    assert float(lines[1]) == pytest.approx(897.04242, abs=1e-4)
    assert float(lines[2]) - float(lines[1]) == pytest.approx(7.4460015, abs=1e-4)
    with serving("--model", path) as server:
        data = server.post("0\n1\n-2.5\n", "text/csv", "text/csv")[1]
        assert data.decode().splitlines() == lines[1:]
        answer = json.loads(server.post("0", "text/csv")[1])
        assert answer == {"predictions": [{"score": float(lines[1])}]}


def test_knn_classifier():
    path = fixture_path("linear-learner", "knn-classifier.model.tar.gz")
    shown = json.loads(run("inspect", "--json", path).stdout)
    assert shown["algorithm"] == "knn" and shown["trees"] is None
    row = ",".join(["0"] * shown["features"])
    with serving("--model", path) as server:
        response, data = server.post(row, "text/csv", "text/csv")
        assert response.getheader("Content-Type") == "application/json"
        assert list(json.loads(data)["predictions"][0]) == ["predicted_label"]
        verbose = server.post(row, "text/csv", "application/json; verbose=true")[1]
        answer = json.loads(verbose)["predictions"][0]
    assert list(answer) == ["predicted_label", "distances", "labels"]
    assert answer["distances"] == sorted(answer["distances"])
    assert len(answer["labels"]) == len(answer["distances"]) == shown["k"]
    assert answer["predicted_label"] in answer["labels"]
