"""Linear Learner and its siblings over HTTP and by predict: artifacts made here, answers by the formulas."""
import json
import math
import shutil
import struct
import tarfile

import numpy
import pytest

import builtin_artifacts as artifacts
from conftest import run, serving

JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"
RECORDIO = "application/x-recordio-protobuf"

# linear-learner 2.1: the published multiclass model, and what its endpoint gave
WEIGHT = numpy.frombuffer(
    bytes.fromhex("569b39be 882d1dbe b32b743e 2dffadbe d0f7b53e 8f587abd"), "<f4").reshape(2, 3)
BIAS = numpy.frombuffer(bytes.fromhex("879d49bf 80af6dbd 8860093f"), "<f4")
PUBLISHED = [0.04544410854578018, 0.3947080075740814, 0.5598478317260742]


def as_json(rows):
    return json.dumps({"instances": [{"features": list(map(float, row))} for row in rows]})


def as_csv(rows):
    return "\n".join(",".join(repr(float(value)) for value in row) for row in rows)


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def frame(tensor, kind=2):
    """A record whose features are that tensor; kind 2, 3, 7: float32, float64, int32."""
    entry = field(1, b"values") + field(2, field(kind, tensor))
    record = field(1, entry)
    return struct.pack("<II", 0xCED7230A, len(record)) + record + b"\0" * (-len(record) % 4)


def dense_frame(row, kind=2):
    if kind == 7:
        return frame(field(1, b"".join(varint(int(v) & (1 << 64) - 1) for v in row)), kind)
    return frame(field(1, struct.pack(f"<{len(row)}{'f' if kind == 2 else 'd'}", *row)), kind)


def sparse_frame(keys, values, shape):
    parts = field(1, struct.pack(f"<{len(values)}f", *values)) if values else b""
    parts += field(2, b"".join(map(varint, keys))) if keys else b""
    return frame(parts + field(3, b"".join(map(varint, shape))))


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    return tmp_path_factory.mktemp("builtins")


@pytest.fixture(scope="module")
def multiclass(where):
    path = where / "multiclass.tar.gz"
    artifacts.write_linear(path, WEIGHT, BIAS, predictor_type="multiclass_classifier")
    return path


@pytest.fixture(scope="module")
def binary(where):
    path = where / "binary.tar.gz"
    weight = numpy.array([[0.5], [-0.25], [2], [0.125]], "f4")
    artifacts.write_linear(path, weight, numpy.array([-1], "f4"), threshold=0.25)
    return path


@pytest.fixture(scope="module")
def multiclass_server(multiclass):
    with serving("--model", multiclass) as running:
        yield running


@pytest.fixture(scope="module")
def binary_server(binary):
    with serving("--model", binary) as running:
        yield running


def test_published_softmax(multiclass_server):
    server = multiclass_server
    expected = {"predictions": [{"score": PUBLISHED, "predicted_label": 2}]}
    assert server.post(as_json([[1.5, 2]]), JSON)[1] == json.dumps(expected).encode()
    assert server.post("1.5,2", CSV)[1] == json.dumps(expected).encode()
    # linear-learner 9.3: the captured body
    assert server.post("0,0", CSV, CSV)[1] == b"2\n"
    line = server.post("1.5,2", CSV, LINES)[1]
    assert line == (b'{"predicted_label":2,"score":[0.04544410854578,0.394708007574081,'
                    b'0.559847831726074]}\n')


def test_recordio_of_an_answer(multiclass_server):
    response, data = multiclass_server.post("1.5,2", CSV, RECORDIO)
    assert response.getheader("Content-Type") == RECORDIO
    scores = field(1, b"score") + field(2, field(2, field(1, struct.pack("<3f", *PUBLISHED))))
    label = field(1, b"predicted_label") + field(2, field(2, field(1, struct.pack("<f", 2))))
    both = {field(2, scores) + field(2, label), field(2, label) + field(2, scores)}
    magic, size = struct.unpack("<II", data[:8])
    assert magic == 0xCED7230A and data[8 : 8 + size] in both and len(data) % 4 == 0


ROWS = [[1.5, 16, 14, 23], [0, 0, 0, 0], [-2, 3, 0, 0.5]]


def requests_of(rows):
    """The same rows in every form (linear-learner 4)."""
    keys = [[i for i, value in enumerate(row) if value] for row in rows]
    sparse = [{"keys": k, "shape": [4], "values": [row[i] for i in k]} for row, k in zip(rows, keys)]
    back = [{"keys": s["keys"][::-1], "shape": [4], "values": s["values"][::-1]} for s in sparse]
    objects = {
        "features": [{"features": row} for row in rows],
        "values": [{"data": {"features": {"values": row}}} for row in rows],
        "bare": [{"data": {"features": row}} for row in rows],
        "flat values": [{"features": {"values": row}} for row in rows],
        "configuration": [{"configuration": {}, "data": {"features": row}} for row in rows],
        "sparse": [{"data": {"features": s}} for s in sparse],
        "unsorted": [{"data": {"features": s}} for s in back],
        "mixed": [{"features": rows[0]}] + [{"data": {"features": s}} for s in sparse[1:]],
    }
    for name, instances in objects.items():
        yield f"json {name}", JSON, json.dumps({"instances": instances})
        lines = "\n".join(map(json.dumps, instances))
        yield f"lines {name}", LINES, lines
        yield f"lines {name} crlf", LINES, lines.replace("\n", "\r\n\r\n") + "\r\n"
    for name, separator in (("lf", "\n"), ("crlf", "\r\n"), ("blank", "\n\n")):
        yield f"csv {name}", CSV, as_csv(rows).replace("\n", separator) + separator
    yield "csv spaces", CSV, as_csv(rows).replace(",", " , ")
    yield "csv quoted", CSV, '"1.5",+16,1.4e1,"23"\n' + as_csv(rows[1:])
    yield "csv labels", "text/csv; label_size=2", "\n".join("a,7," + r for r in as_csv(rows).split())
    yield "csv upper", "TEXT/CSV; charset=utf-8; odd", as_csv(rows)
    yield "recordio float32", RECORDIO, b"".join(map(dense_frame, rows))
    yield "recordio float64", RECORDIO, b"".join(dense_frame(row, 3) for row in rows)
    yield "recordio sparse", RECORDIO, b"".join(
        sparse_frame(k, [row[i] for i in k], [4]) for row, k in zip(rows, keys))
    yield "recordio 2 x 2", RECORDIO, b"".join(
        sparse_frame(k, [row[i] for i in k], [2, 2]) for row, k in zip(rows, keys))


def test_every_form_of_a_request(binary_server):
    z = [0.5 * a - 0.25 * b + 2 * c + 0.125 * d - 1 for a, b, c, d in ROWS]
    expected = []
    for value in z:
        score = float(numpy.float32(1) / (numpy.float32(1) + numpy.exp(numpy.float32(-value))))
        expected.append((pytest.approx(score, rel=2e-6), int(score >= 0.25)))
    for name, content_type, body in requests_of(ROWS):
        response, data = binary_server.post(body, content_type)
        assert response.status == 200, (name, data)
        answers = json.loads(data)["predictions"]
        assert [(a["score"], a["predicted_label"]) for a in answers] == expected, name
        assert data == binary_server.post(as_json(ROWS), JSON)[1], name


def test_sparse_keys_that_repeat(binary_server):
    expected = binary_server.post("1,0,5,0", CSV)[1]
    tensor = {"keys": [2, 0, 2], "shape": [4], "values": [2, 1, 3]}
    body = json.dumps({"instances": [{"data": {"features": tensor}}]})
    assert binary_server.post(body, JSON)[1] == expected
    assert binary_server.post(sparse_frame([2, 0, 2], [2, 1, 3], [4]), RECORDIO)[1] == expected


def test_integers_of_recordio(binary_server):
    body = dense_frame([1, -2, 3, 0], 7)
    assert binary_server.post(body, RECORDIO)[1] == binary_server.post("1,-2,3,0", CSV)[1]


def test_no_content_type_is_json(binary_server):
    response, data = binary_server.post(as_json(ROWS), None)
    assert response.status == 200
    assert data == binary_server.post(as_json(ROWS), JSON)[1]


REFUSED = [
    (JSON, "{"), (JSON, "[]"), (JSON, "{}"), (JSON, '{"instances": []}'), (JSON, '{"instances": 3}'),
    (JSON, '{"instances": [{"features": [1,2,3,"4"]}]}'),
    (JSON, '{"instances": [{"features": [1,2,3,null]}]}'),
    (JSON, '{"instances": [{"features": [1,2,3,true]}]}'),
    (JSON, '{"instances": [{"features": [1,2,3]}]}'),
    (JSON, '{"instances": [{"features": [1,2,3,4]}, {"features": [1,2,3,4,5]}]}'),
    (JSON, '{"instances": [{"data": {"features": {"keys": [4], "shape": [4], "values": [1]}}}]}'),
    (JSON, '{"instances": [{"data": {"features": {"keys": [-1], "shape": [4], "values": [1]}}}]}'),
    (JSON, '{"instances": [{"data": {"features": {"keys": [1], "values": [1]}}}]}'),
    (JSON, '{"instances": [{"data": {"features": {"keys": [1], "shape": [5], "values": [1]}}}]}'),
    (JSON, '{"instances": [{"data": {"features": {"keys": [1], "shape": [4], "values": []}}}]}'),
    (JSON, '{"instances": [{"features": [01,2,3,4]}]}'), (JSON, b'{"instances": "\xff"}'),
    (LINES, " \n"), (LINES, '{"features": [1,2,3,4]} {"features": [1,2,3,4]}'),
    (CSV, "1,2,3"), (CSV, "1,2,3,4,5"), (CSV, "1,2,3,"), (CSV, "1,,3,4"), (CSV, "1,2,3,4,"),
    (CSV, "1,2,3,x"), (CSV, "1;2;3;4"), (CSV, "1,2,3,4\n1,2,3"), (CSV, "\n \n"), (CSV, b"1,2,3,\xff"),
    ("text/csv; label_size=x", "1,2,3,4"), ("text/csv; label_size=1", "1,2,3,4"),
    (RECORDIO, b"abc"), (RECORDIO, dense_frame([1, 2, 3])), (RECORDIO, dense_frame([1, 2, 3, 4])[:-3]),
    (RECORDIO, dense_frame([1, 2, 3, 4]) + dense_frame([1, 2, 3])),
    (RECORDIO, sparse_frame([4], [1], [4])), (RECORDIO, sparse_frame([0], [1], [5])),
    (RECORDIO, struct.pack("<II", 0xCED7230A, 0)),
]


@pytest.mark.parametrize("content_type,body", REFUSED)
def test_bodies_that_cannot_be_read(binary_server, content_type, body):
    response, data = binary_server.post(body, content_type)
    assert response.status == 400, data
    assert data.startswith(b"unable to evaluate payload provided: ")
    assert response.getheader("Content-Type") == "text/html; charset=utf-8"


def test_where_a_fault_is(binary_server):
    text = binary_server.post("1,2,3,4\n1,2,x,4\n", CSV)[1].decode()
    assert "row 2" in text and "column 3" in text and "x" in text
    text = binary_server.post("1,2,3", CSV)[1].decode()
    assert "3" in text and "4" in text
    text = binary_server.post('{"instances": [{"features": [1, 2, 3, "a"]}]}', JSON)[1].decode()
    assert "record 1" in text and "offset 38" in text


def test_strict_says_no_more_than_the_original(binary):
    with serving("--model", binary, "--strict") as server:
        large = b"1,2,3,4\n" * 50000 + b"1,2,3,x"
        for content_type, body in ((CSV, "1,2,3"), (CSV, large), (JSON, "{"), (RECORDIO, b"abc")):
            response, data = server.post(body, content_type)
            assert (response.status, data) == (400, b"unable to evaluate payload provided")
        assert server.wait_for("row 50001, column 4")


def test_statuses(binary_server):
    assert binary_server.post("", CSV)[0].status == 204
    for given in ("application/octet-stream", "text/libsvm", "Application/XML; a=b"):
        response, data = binary_server.post("1,2,3,4", given)
        assert response.status == 415
        assert data.decode() == f"content-type {given.split(';')[0].lower()} not supported"
    assert binary_server.request("GET", "/ping")[1] == b""


def test_accept(binary_server):
    body = "1,2,3,4"
    as_is = binary_server.post(body, CSV)[1]
    for accept in ("*/*", "", JSON, "application/xml", "image/png, */*", "application/json; verbose=true"):
        response, data = binary_server.post(body, CSV, accept)
        assert (response.status, data) == (200, as_is), accept
        assert response.getheader("Content-Type") == JSON
    for accept in ("TEXT/CSV", "image/png, text/csv;q=0.5, application/json", "text/csv; charset=utf-8"):
        response, data = binary_server.post(body, CSV, accept)
        assert data == b"1\n" and response.getheader("Content-Type") == "text/csv; charset=utf-8"


def test_default_accept(binary):
    with serving("--model", binary, env={"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": LINES}) as server:
        assert server.post("1,2,3,4", CSV)[0].getheader("Content-Type") == LINES
        assert server.post("1,2,3,4", CSV, JSON)[0].getheader("Content-Type") == JSON


def test_older_generation(binary, where):
    with serving("--model", binary, "--profile", "py2") as server:
        score = json.loads(server.post("0,1,1,0", CSV)[1])["predictions"][0]["score"]
        line = json.dumps({"score": score, "predicted_label": 1.0})
        assert server.post("0,1,1,0", CSV)[1].decode() == '{"predictions": [' + line + "]}"
        assert server.post("0,1,1,0", CSV, LINES)[1].decode() == line + "\n"
        assert server.post("0,1,1,0", CSV, CSV)[1] == b"1.0\n"
    path = where / "regressor-py2.tar.gz"
    artifacts.write_linear(path, numpy.array([[1]], "f4"), predictor_type="regressor")
    with serving("--model", path, "--profile", "py2") as server:
        assert server.post("30.17342185974121", CSV, CSV)[1] == b"30.1734218597\n"
    refused = run("serve", "--model", binary, "--profile", "1.7-1", "--port", "0")
    assert refused.returncode == 1 and b"py3" in refused.stderr


LOSSES = ["squared_loss", "absolute_loss", "eps_insensitive_squared_loss", "eps_insensitive_absolute_loss",
          "quantile_loss", "huber_loss"]


@pytest.mark.parametrize("loss", LOSSES)
def test_regressors(where, loss):
    path = where / f"{loss}.tar.gz"
    artifacts.write_linear(path, numpy.array([[2], [-0.5]], "f4"), numpy.array([0.25], "f4"),
                           predictor_type="regressor", loss_type=loss)
    result = run("predict", "--model", path, "--header", stdin=b"1,2\n3,-4\n")
    assert result.stdout == b"score\n1.25\n8.25\n"
    margin = run("predict", "--model", path, "--margin", stdin=b"1,2\n3,-4\n")
    assert margin.stdout == b"1.25\n8.25\n"
    answer = run("predict", "--model", path, "--accept", JSON, stdin=b"1,2")
    assert answer.stdout == b'{"predictions": [{"score": 1.25}]}'


def test_hinge(where):
    path = where / "hinge.tar.gz"
    artifacts.write_linear(path, numpy.array([[1]], "f4"), loss_type="hinge_loss", threshold=0.5)
    lines = run("predict", "--model", path, stdin=b"0.5\n0.49\n-7\n").stdout.split()
    assert lines == [b"0.5,1", b"0.49000000953674316,0", b"-7.0,0"]


def test_sigmoid_far_out(where):
    path = where / "far.tar.gz"
    artifacts.write_linear(path, numpy.array([[1]], "f4"))
    lines = run("predict", "--model", path, stdin=b"-89\n-80\n0\n80\n").stdout.split()
    assert lines[0] == b"0.0,0" and lines[2] == b"0.5,1" and lines[3] == b"1.0,1"
    assert float(lines[1].split(b",")[0]) == pytest.approx(math.exp(-80), rel=1e-5)


FORMS = [{"version": 0}, {"version": 1}, {"version": 3}, {"storage": "row_sparse"}, {"storage": "csr"},
         {"loose": True}, {"deflated": True}]


@pytest.mark.parametrize("options", FORMS)
def test_forms_of_an_artifact(where, options):
    path = where / f"form-{'-'.join(map(str, options.values()))}.tar.gz"
    artifacts.write_linear(path, WEIGHT, BIAS, predictor_type="multiclass_classifier", **options)
    answer = json.loads(run("predict", "--model", path, "--accept", JSON, stdin=b"1.5,2").stdout)
    assert answer == {"predictions": [{"score": PUBLISHED, "predicted_label": 2}]}
    directory = where / path.name[:-7]
    directory.mkdir(exist_ok=True)
    with tarfile.open(path) as archive:
        archive.extractall(directory)
    (directory / "model_algo-1-extra.txt").write_text("stray")
    again = run("predict", "--model", directory, "--accept", JSON, stdin=b"1.5,2")
    assert json.loads(again.stdout) == answer
    shutil.rmtree(directory)


def test_header_and_inspect(multiclass):
    result = run("predict", "--model", multiclass, "--header", stdin=b"0,0\n")
    lines = result.stdout.decode().splitlines()
    assert lines[0] == "predicted_label,score_0,score_1,score_2" and lines[1].startswith("2,")
    nothing = run("predict", "--model", multiclass, "--header", "--margin", stdin=b"")
    assert nothing.stdout == b"score_0,score_1,score_2\n"
    shown = json.loads(run("inspect", "--json", multiclass).stdout)
    assert shown["algorithm"] == "linear-learner" and shown["outputs"] == 3
    assert shown["fc0_weight"] == [2, 3] and shown["loss_type"] == "softmax_loss"
    for key in ("format", "written_by", "objective", "features", "feature_names", "trees", "profile", "files"):
        assert key in shown
    text = run("inspect", multiclass).stdout.decode()
    assert "2 x 3" in text and "multiclass_classifier" in text


def test_options_of_other_families(multiclass, where):
    for option in ("--leaves", "--contributions"):
        refused = run("predict", "--model", multiclass, option, stdin=b"1,2")
        assert refused.returncode == 1 and b"linear-learner" in refused.stderr
    path = where / "margin.tar.gz"
    artifacts.write_kmeans(path, numpy.eye(2, dtype="f4"))
    refused = run("predict", "--model", path, "--margin", stdin=b"1,2")
    assert refused.returncode == 1 and b"kmeans" in refused.stderr


def test_predict_tells_row_and_column(multiclass):
    refused = run("predict", "--model", multiclass, stdin=b"1,2\n3,oops\n")
    assert refused.returncode == 1 and b"row 2, column 2" in refused.stderr
    refused = run("predict", "--model", multiclass, stdin=b"1,2\n3\n")
    assert refused.returncode == 1 and b"row 2" in refused.stderr


def test_predict_of_many_rows_is_the_endpoints(binary, binary_server):
    rows = numpy.random.default_rng(1).normal(size=(5000, 4)).astype("f4")
    body = as_csv(rows)
    endpoint = binary_server.post(body, CSV, LINES)[1]
    assert run("predict", "--model", binary, "--accept", LINES, stdin=body.encode()).stdout == endpoint
    plain = run("predict", "--model", binary, stdin=body.encode()).stdout.split()
    answers = json.loads(binary_server.post(body, CSV)[1])["predictions"]
    assert [line.decode() for line in plain] == [f'{a["score"]!r},{a["predicted_label"]}' for a in answers]


@pytest.mark.parametrize("count", [1, 300, 20000])
def test_large_csv_as_it_arrives(binary_server, count):
    """Blank lines, labels, CRLF: however a body comes, a row's answer is the row's own."""
    rows = [ROWS[i % 3] for i in range(count)]
    lines = [f"label {i},{line}" for i, line in enumerate(as_csv(rows).split("\n"))]
    body = "\r\n".join(line + ("\r\n" if i % 7 == 0 else "") for i, line in enumerate(lines))
    response, data = binary_server.post(body, "text/csv; label_size=1", LINES)
    assert response.status == 200
    one = binary_server.post(as_csv(ROWS), CSV, LINES)[1].splitlines(keepends=True)
    assert data == b"".join(one[i % 3] for i in range(count))
    bad = body.rsplit(",", 1)[0] + ",?"
    response, data = binary_server.post(bad, "text/csv; label_size=1", LINES)
    assert response.status == 400 and f"row {count}, column 5".encode() in data


def distances(points, row):
    return numpy.sqrt(((points.astype("f8") - row) ** 2).sum(axis=1))


def test_kmeans(where):
    random = numpy.random.default_rng(2)
    centroids = random.normal(size=(7, 5)).astype("f4")
    path = where / "kmeans.tar.gz"
    artifacts.write_kmeans(path, centroids, state=True)
    rows = random.normal(size=(40, 5)).astype("f4")
    with serving("--model", path) as server:
        answers = json.loads(server.post(as_csv(rows), CSV)[1])["predictions"]
        csv = server.post(as_csv(rows), CSV, CSV)[1].decode().split()
        line = server.post(as_csv(rows[:1]), CSV, LINES)[1].decode()
    for row, answer, text in zip(rows, answers, csv):
        known = distances(centroids, row.astype("f8"))
        assert list(answer) == ["closest_cluster", "distance_to_cluster"]
        assert answer["closest_cluster"] == known.argmin()
        assert answer["distance_to_cluster"] == pytest.approx(known.min(), rel=1e-6)
        assert text == f'{answer["closest_cluster"]!r},{answer["distance_to_cluster"]!r}'
    assert isinstance(answers[0]["closest_cluster"], float)
    assert line.startswith(f'{{"closest_cluster":{answers[0]["closest_cluster"]},"distance_to_cluster":')
    header = run("predict", "--model", path, "--header", stdin=b"")
    assert header.stdout == b"closest_cluster,distance_to_cluster\n"


def test_pca(where):
    random = numpy.random.default_rng(3)
    v, mean = random.normal(size=(6, 3)).astype("f4"), random.normal(size=6).astype("f4")
    path = where / "pca.tar.gz"
    artifacts.write_pca(path, v, mean)
    rows = random.normal(size=(20, 6)).astype("f4")
    with serving("--model", path) as server:
        answers = json.loads(server.post(as_csv(rows), CSV)[1])
        response, data = server.post(as_csv(rows), CSV, CSV)
        line = server.post(as_csv(rows[:1]), CSV, LINES)[1]
    assert json.loads(data) == answers and response.getheader("Content-Type") == JSON
    known = (rows.astype("f8") - mean) @ v.astype("f8")
    for answer, values in zip(answers["projections"], known):
        assert answer["projection"] == pytest.approx(values, rel=1e-5, abs=1e-5)
    assert line.startswith(b'{"projection":[')
    header = run("predict", "--model", path, "--header", stdin=b"")
    assert header.stdout == b"projection_0,projection_1,projection_2\n"


@pytest.mark.parametrize("sparse", [True, False])
def test_factorization_machines(where, sparse):
    random = numpy.random.default_rng(4)
    w1, v = random.normal(size=8).astype("f4"), random.normal(size=(8, 3)).astype("f4")
    rows = (random.normal(size=(20, 8)) * (random.random((20, 8)) < 0.5)).astype("f4")
    x, f = rows.astype("f8"), v.astype("f8")
    known = 0.5 + x @ w1 + 0.5 * ((x @ f) ** 2 - (x ** 2) @ (f ** 2)).sum(axis=1)
    for predictor in ("regressor", "binary_classifier"):
        path = where / f"fm-{predictor}-{sparse}.tar.gz"
        artifacts.write_factorization(path, numpy.array([0.5], "f4"), w1, v, predictor_type=predictor, sparse=sparse)
        with serving("--model", path) as server:
            answers = json.loads(server.post(as_csv(rows), CSV)[1])["predictions"]
            assert json.loads(server.post(as_csv(rows), CSV, CSV)[1])["predictions"] == answers
        for answer, value in zip(answers, known):
            if predictor == "regressor":
                assert answer == {"score": pytest.approx(value, rel=1e-4, abs=1e-4)}
            else:
                score = 1 / (1 + math.exp(-value))
                assert answer["score"] == pytest.approx(score, rel=1e-4, abs=1e-6)
                assert answer["predicted_label"] == int(answer["score"] >= 0.5)
    margin = run("predict", "--model", path, "--margin", stdin=as_csv(rows).encode()).stdout.split()
    assert [float(value) for value in margin] == pytest.approx(list(known), rel=1e-4, abs=1e-4)


def test_knn(where):
    random = numpy.random.default_rng(5)
    vectors = random.normal(size=(200, 4)).astype("f4")
    labels = random.integers(0, 4, 200).astype("f8")
    rows = random.normal(size=(30, 4)).astype("f4")
    for predictor in ("classifier", "regressor"):
        path = where / f"knn-{predictor}.tar.gz"
        artifacts.write_knn(path, vectors, labels, 5, predictor_type=predictor)
        with serving("--model", path) as server:
            plain = json.loads(server.post(as_csv(rows), CSV)[1])["predictions"]
            full = json.loads(server.post(as_csv(rows), CSV, "application/json; verbose=true")[1])
        for row, short, answer in zip(rows, plain, full["predictions"]):
            known = distances(vectors, row.astype("f8")) ** 2
            nearest = known.argsort()[:5]
            assert answer["distances"] == pytest.approx(known[nearest], rel=1e-5)
            assert answer["labels"] == list(labels[nearest])
            counts = numpy.bincount(labels[nearest].astype(int))
            expected = counts.argmax() if predictor == "classifier" else labels[nearest].mean()
            assert short == {"predicted_label": pytest.approx(expected, rel=1e-6)}
            assert answer["predicted_label"] == short["predicted_label"]
    for change in ({"normalize": True}, {"reduction": "sign"}):
        path = where / "knn-refused.tar.gz"
        artifacts.write_knn(path, vectors, labels, 5, **change)
        refused = run("inspect", path)
        assert refused.returncode == 1 and list(change)[0][:6].encode() in refused.stderr.lower()


def test_models_that_disagree_with_themselves(where):
    files = artifacts.linear_members(WEIGHT, BIAS, predictor_type="multiclass_classifier")
    other = artifacts.linear_members(WEIGHT[:, :1], BIAS[:1])
    path = where / "bad.tar.gz"
    for name in ("mx-mod-symbol.json", "additional-params.json", "mx-mod-0000.params"):
        artifacts.write_archive(path, {"model_algo-1": artifacts.zip_bytes({**files, name: other[name]})})
        refused = run("serve", "--model", path, "--port", "0")
        assert refused.returncode == 1 and len(refused.stderr.splitlines()) == 1, refused.stderr
        assert b"listening" not in refused.stderr
        without = {key: value for key, value in files.items() if key != name}
        artifacts.write_archive(path, {"model_algo-1": artifacts.zip_bytes(without)})
        refused = run("serve", "--model", path, "--port", "0")
        assert refused.returncode == 1 and name.encode() in refused.stderr


def test_multi_model_mode(binary, multiclass, where):
    with serving(env={"SAGEMAKER_MULTI_MODEL": "true"}) as server:
        for name, path in (("b", binary), ("m", multiclass)):
            body = json.dumps({"model_name": name, "url": str(path)}).encode()
            assert server.request("POST", "/models", body, {"Content-Type": JSON})[0].status == 200
        response, data = server.request("POST", "/models/m/invoke", b"1.5,2", {"Content-Type": CSV})
        assert json.loads(data) == {"predictions": [{"score": PUBLISHED, "predicted_label": 2}]}
        response, data = server.request(
            "POST", "/models/m/invoke", b"0,0", {"Content-Type": CSV, "Accept": CSV})
        assert (response.status, data) == (200, b"2\n")
        large = (as_csv(ROWS) + "\n").encode() * 3000
        response, data = server.request("POST", "/models/b/invoke", large, {"Content-Type": CSV, "Accept": LINES})
        assert response.status == 200 and data.count(b"\n") == 9000
        response, data = server.request("POST", "/models/b/invoke", b"1,2", {"Content-Type": CSV})
        assert response.status == 400
        assert json.loads(data)["message"].startswith("unable to evaluate payload provided")


def test_a_row_is_its_own(multiclass_server):
    """Whatever stands beside a row, and wherever it stands."""
    random = numpy.random.default_rng(6)
    rows = random.normal(size=(500, 2)).astype("f4")
    together = json.loads(multiclass_server.post(as_csv(rows), CSV)[1])["predictions"]
    backwards = json.loads(multiclass_server.post(as_csv(rows[::-1]), CSV)[1])["predictions"]
    assert together == backwards[::-1]
    for i in (0, 1, 17, 255, 256, 499):
        assert json.loads(multiclass_server.post(as_csv(rows[i:i + 1]), CSV)[1])["predictions"] == [together[i]]
