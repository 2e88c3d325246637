"""The container's contract: routes, statuses, types and bodies, on the example model."""
import json
import os

import pytest

from conftest import rows_of_example, run, serving

FIRST_ROW = rows_of_example().splitlines()[0]


def test_ping(server):
    response, body = server.request("GET", "/ping")
    assert (response.status, response.reason, body) == (200, "OK", b"")
    assert response.getheader("Content-Type") == "text/html; charset=utf-8"
    assert response.getheader("Content-Length") == "0"
    assert response.getheader("Date")
    assert response.getheader("Connection") == "keep-alive"


def test_csv_equals_predict(server, example_model):
    response, body = server.post(rows_of_example())
    assert response.status == 200
    assert response.getheader("Content-Type") == "text/csv; charset=utf-8"
    assert body.endswith(b"\n") and body.count(b"\n") == 3
    result = run("predict", "--model", example_model, stdin=rows_of_example().encode())
    assert result.stdout == body


def test_json_answer(server):
    response, body = server.post(FIRST_ROW, accept="application/json")
    assert response.getheader("Content-Type") == "application/json"
    assert not body.endswith(b"\n")
    score = json.loads(body)["predictions"][0]["score"]
    assert body == b'{"predictions": [{"score": %s}]}' % repr(score).encode()
    assert server.post(FIRST_ROW)[1] == b"%s\n" % repr(score).encode()


def test_libsvm_equals_csv(server):
    cells = " ".join(f"{i}:{cell}" for i, cell in enumerate(FIRST_ROW.split(",")))
    for content_type in ("text/libsvm", "text/x-libsvm", "libsvm", None):
        response, body = server.post(f"1 {cells}", content_type)
        assert response.status == 200
        assert body == server.post(FIRST_ROW)[1]


@pytest.mark.parametrize("separator", [",", "\t", ";", " ", ":"])
def test_delimiters(server, separator):
    assert server.post(FIRST_ROW.replace(",", separator))[1] == server.post(FIRST_ROW)[1]


def test_missing_columns_are_missing(server):
    short = FIRST_ROW.split(",")[:20]
    padded = short + [""] * 10
    assert server.post(",".join(short) + "\n")[0].status == 200
    # the last empty cells of a body are white space only with other delimiters: commas stay
    assert server.post(",".join(short))[1] == server.post(",".join(padded))[1]


def test_too_many_columns(server):
    response, body = server.post(FIRST_ROW + ",1")
    assert (response.status, response.reason) == (400, "BAD REQUEST")
    assert body.startswith(b"Unable to evaluate payload provided: ")
    assert b"(30 vs. 31)" in body


@pytest.mark.parametrize(
    "body,content_type,status,text",
    [
        ("", "image/png", 204, ""),
        ("1,2,x", "text/csv", 415, "could not convert string to float: 'x'"),
        ("1,2\n3", "text/csv", 415, "inhomogeneous shape"),
        ("   ", "text/csv", 415, "Could not determine delimiter"),
        ("1,2", "image/png", 415, "image/png is not an accepted ContentType: csv, libsvm"),
        ("1,2", "text/csv; label_size=0", 415, "Optional parameter label_size must be equal to 1"),
        (
            "1,2",
            "application/x-parquet",
            415,
            "Content-type application/x-parquet is not supported.",
        ),
        ("qid:1", "text/libsvm", 415, "invalid literal for int() with base 10: 'qid'"),
        ("a=1", "application/x-www-form-urlencoded", 415, "curl -H 'Content-Type: text/csv'"),
    ],
)
def test_bad_requests(server, body, content_type, status, text):
    response, answer = server.post(body, content_type)
    assert response.status == status
    assert text in answer.decode()
    assert response.getheader("Content-Type") == "text/html; charset=utf-8"
    if status == 204:
        assert response.getheader("Content-Length") is None


def test_bad_accept(server):
    response, body = server.post(FIRST_ROW, accept="text/plain")
    assert (response.status, response.reason) == (406, "NOT ACCEPTABLE")
    assert body == (
        b"Accept type text/plain is not supported. Please use supported accept types: ['application/json', "
        b"'application/jsonlines', 'application/x-recordio-protobuf', 'text/csv']."
    )


@pytest.mark.parametrize(
    "method,path,status,allow",
    [
        ("GET", "/invocations", 405, {"OPTIONS", "POST"}),
        ("PUT", "/invocations", 405, {"OPTIONS", "POST"}),
        ("POST", "/ping", 405, {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/execution-parameters", 405, {"GET", "HEAD", "OPTIONS"}),
        ("OPTIONS", "/invocations", 200, {"OPTIONS", "POST"}),
        ("OPTIONS", "/ping", 200, {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_methods(server, method, path, status, allow):
    response, _ = server.request(method, path)
    assert response.status == status
    assert set(response.getheader("Allow").split(", ")) == allow


@pytest.mark.parametrize(
    "path,content_type,body",
    [
        ("/", "application/octet-stream", b"{}"),
        ("/nope", "application/octet-stream", b"{}"),
        ("/a.html", "text/html", b"{}"),
        ("/a.json", "application/json", b"{}"),
    ],
)
def test_unknown_paths(server, path, content_type, body):
    response, data = server.request("GET", path)
    assert (response.status, response.reason, data) == (404, "Not Found", body)
    assert response.getheader("Content-Type") == content_type


@pytest.mark.parametrize("path", ["/pingx", "/invocations/", "/ping/", "/execution-parameters2"])
def test_paths_under_a_known_prefix(server, path):
    response, data = server.request("GET", path)
    assert (response.status, response.reason) == (404, "NOT FOUND")
    assert b"<title>404 Not Found</title>" in data


def test_queries_are_ignored(server):
    assert server.request("GET", "/ping?x=1")[0].status == 200


def test_head_has_no_body(server):
    response, body = server.request("HEAD", "/ping")
    assert (response.status, body) == (200, b"")


def test_execution_parameters(server):
    response, body = server.request("GET", "/execution-parameters")
    cpus = len(os.sched_getaffinity(0))
    assert (
        body
        == b'{"MaxConcurrentTransforms": %d, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}'
        % cpus
    )
    assert response.getheader("Content-Type") == "application/json"


def test_large_bodies_go_through_workers(example_model):
    rows = rows_of_example() * 4000
    with serving("--model", example_model, "--max-body", "20000000") as server:
        expected = server.post(rows_of_example())[1]
        response, body = server.post(rows)
        assert response.status == 200
        assert body == expected * 4000


def test_strict_form_is_lost_as_in_the_original(example_model):
    with serving("--model", example_model, "--strict") as server:
        assert server.post("1,2", "application/x-www-form-urlencoded")[0].status == 204


def test_batch_format(example_model):
    with serving("--model", example_model, env={"SAGEMAKER_BATCH": "true"}) as server:
        response, body = server.post(rows_of_example(), accept="application/json")
        assert response.getheader("Content-Type") == "application/json"
        assert body.count(b"\n") == 3 and b"predictions" not in body


def test_local_mode_gets_no_batch_strategy(example_model):
    with serving("--model", example_model, env={"SAGEMAKER_BATCH": "True"}) as server:
        assert b"BatchStrategy" not in server.request("GET", "/execution-parameters")[1]


def test_default_accept(example_model):
    env = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/json"}
    with serving("--model", example_model, env=env) as server:
        assert server.post(FIRST_ROW)[0].getheader("Content-Type") == "application/json"
        assert (
            server.post(FIRST_ROW, accept="text/csv")[0]
            .getheader("Content-Type")
            .startswith("text/csv")
        )
