"""Request and response formats beyond csv and libsvm, and the profiles' shapes, on the example."""
import json
import struct

import pytest

from conftest import rows_of_example, run, serving

ROWS = [[float(cell) for cell in line.split(",")] for line in rows_of_example().splitlines()]
SPARSE = {"keys": list(range(30)), "values": ROWS[1], "shape": [30]}


def record(values, keys=None, shape=None):
    """A RecordIO frame around a record with float32 features."""

    def field(number, data):
        return bytes([number << 3 | 2]) + varint(len(data)) + data

    def varint(n):
        out = b""
        while n > 127:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])

    tensor = field(1, struct.pack(f"<{len(values)}f", *values))
    if keys is not None:
        tensor += field(2, b"".join(varint(key) for key in keys))
    if shape is not None:
        tensor += field(3, varint(shape))
    payload = field(1, field(1, b"values") + field(2, field(2, tensor)))
    padding = b"\0" * (-len(payload) % 4)
    return struct.pack("<II", 0xCED7230A, len(payload)) + payload + padding


@pytest.fixture(scope="module")
def expected(server):
    return server.post(rows_of_example())[1]


@pytest.mark.parametrize(
    "instances",
    [
        [{"features": row} for row in ROWS],
        [{"data": {"features": {"values": row}}} for row in ROWS],
        [{"data": {"features": row}} for row in ROWS],
        [{"features": ROWS[0]}, {"data": {"features": SPARSE}}, {"features": ROWS[2]}],
        [{"configuration": {"x": [1, {}]}, "data": {"features": row}} for row in ROWS],
    ],
)
def test_json_requests(server, expected, instances):
    response, body = server.post(json.dumps({"instances": instances}), "application/json")
    assert (response.status, body) == (200, expected)
    lines = "\n".join(json.dumps(instance) for instance in instances)
    for ending in ("", "\n"):
        response, body = server.post(lines + ending, "application/jsonlines")
        assert (response.status, body) == (200, expected)


def test_json_null_and_absent_keys_are_missing(server):
    row = list(ROWS[0])
    row[3] = None
    keys = [i for i in range(30) if i != 3]
    sparse = {"keys": keys, "values": [row[i] for i in keys], "shape": [30]}
    cells = ["" if cell is None else repr(cell) for cell in row]
    missing = server.post(",".join(cells))[1]
    for instance in ({"features": row}, {"data": {"features": sparse}}):
        body = json.dumps({"instances": [instance]})
        assert server.post(body, "application/json")[1] == missing


@pytest.mark.parametrize(
    "body",
    ["", "{", '{"instances": 1}', '{"instances": [{"features": [1, "a"]}]}', "[]", "nonsense"],
)
def test_bad_json(server, body):
    response, answer = server.post(body, "application/json")
    if not body:
        assert response.status == 204
        return
    assert response.status == 415
    prefix = b"Loading json data failed with Exception, please ensure data is in json format: "
    assert answer.startswith(prefix) and len(answer) > len(prefix) and b"\n" not in answer


def test_recordio_request(server, expected):
    body = record(ROWS[0]) + record(ROWS[1], range(30), 30) + record(ROWS[2])
    response, answer = server.post(body, "application/x-recordio-protobuf")
    assert (response.status, answer) == (200, expected)
    response, answer = server.post(body[:-5], "application/x-recordio-protobuf")
    assert response.status == 415
    assert answer.startswith(
        b"Loading recordio-protobuf data failed with Exception, please ensure data is in "
        b"recordio-protobuf format: <class 'ValueError'> "
    )


def test_jsonlines_and_recordio_answers(server, expected):
    scores = [float(line) for line in expected.split()]
    response, body = server.post(rows_of_example(), accept="application/jsonlines")
    assert response.getheader("Content-Type") == "application/jsonlines"
    assert [json.loads(line)["score"] for line in body.splitlines()] == scores
    response, body = server.post(rows_of_example(), accept="application/x-recordio-protobuf")
    assert response.getheader("Content-Type") == "application/x-recordio-protobuf"
    for score in scores:
        (size,) = struct.unpack("<I", body[4:8])
        assert body[:4] == b"\x0a\x23\xd7\xce" and body[8 : 8 + size].endswith(
            struct.pack("<f", score)
        )
        body = body[8 + size + -size % 4 :]
    assert body == b""


def test_strict_refuses_what_the_original_does_not_know(example_model):
    with serving("--model", example_model, "--strict") as server:
        body = json.dumps({"instances": [{"features": ROWS[0]}]})
        response, answer = server.post(body, "application/json")
        assert response.status == 415 and b"is not an accepted ContentType" in answer
        response, answer = server.post(rows_of_example(), accept="application/jsonlines")
        assert response.status == 500 and b"<title>500" in answer


def test_first_generation(example_model, server, expected):
    """One line, joined by commas, whatever Accept says."""
    joined = b",".join(expected.split())
    with serving("--model", example_model, "--profile", "0.90-2") as old:
        response, body = old.post(rows_of_example(), accept="application/json")
        assert response.getheader("Content-Type") == "text/csv; charset=utf-8"
        got = [float(cell) for cell in body.split(b",")]
        assert len(got) == 3 and not body.endswith(b"\n")
        assert all(abs(a - float(b)) < 1e-6 for a, b in zip(got, joined.split(b",")))
        # more columns than features, and infinities, were no errors then
        assert old.post(rows_of_example().splitlines()[0] + ",1,inf")[0].status == 200


def test_selectable_inference(example_model, expected):
    scores = [float(line) for line in expected.split()]
    env = {"SAGEMAKER_INFERENCE_OUTPUT": "predicted_label, Probability"}
    with serving("--model", example_model, env=env) as server:
        response, body = server.post(rows_of_example())
        assert body == "\n".join(f"{int(s > 0.5)},{s!r}" for s in scores).encode()
        _, body = server.post(rows_of_example(), accept="application/json")
        assert json.loads(body) == {
            "predictions": [{"predicted_label": int(s > 0.5), "probability": s} for s in scores]
        }


def test_npy_by_the_environments_default(example_model, expected):
    numpy = pytest.importorskip("numpy")
    import io

    env = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/x-npy"}
    with serving("--model", example_model, env=env) as server:
        response, body = server.post(rows_of_example())
    assert response.getheader("Content-Type") == "application/x-npy"
    array = numpy.load(io.BytesIO(body))
    assert array.dtype == numpy.float64
    assert array.tolist() == [float(line) for line in expected.split()]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "recordio"])
def test_predict_reads_by_suffix(example_model, tmp_path, suffix):
    path = tmp_path / f"rows.{suffix}"
    if suffix == "json":
        path.write_text(json.dumps({"instances": [{"features": row} for row in ROWS]}))
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps({"features": row}) + "\n" for row in ROWS) * 20000)
    else:
        path.write_bytes(b"".join(record(row) for row in ROWS) * 20000)
    result = run("predict", "--model", example_model, path)
    plain = run("predict", "--model", example_model, stdin=rows_of_example().encode()).stdout
    assert result.returncode == 0, result.stderr
    assert result.stdout == plain * (1 if suffix == "json" else 20000)
