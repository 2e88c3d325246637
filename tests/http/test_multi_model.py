"""Multi-model mode: the API by which many models are loaded, listed, invoked and unloaded."""
import concurrent.futures
import json
import re
import shutil
import threading
import time

import pytest

from conftest import EXAMPLE, SLOW, rows_of_example, run, serving

MODE = {"SAGEMAKER_MULTI_MODEL": "true"}
FIRST_ROW = rows_of_example().splitlines()[0]


def serving_models(*arguments, **env):
    return serving(*arguments, env={**MODE, **env})


def send(server, method, path, body=None, **headers):
    """Status, reason, headers, body; the connection of an answer from 400 on is closed."""
    if isinstance(body, (dict, list)):
        headers.setdefault("Content_Type", "application/json")
        body = json.dumps(body)
    response, data = server.request(
        method,
        path,
        body.encode() if isinstance(body, str) else body,
        {name.replace("_", "-"): value for name, value in headers.items()},
    )
    return response, data


def load(server, name, url, **more):
    return send(server, "POST", "/models", {"model_name": name, "url": str(url), **more})


def invoke(server, name, body, accept=None, content_type="text/csv", path="/models/{}/invoke"):
    headers = {} if accept is None else {"Accept": accept}
    if content_type is not None:
        headers["Content_Type"] = content_type
    return send(server, "POST", path.format(name), body, **headers)


def error(status, kind, message):
    """The error object, as the original prints it."""
    return json.dumps({"code": status, "type": kind, "message": message}, indent=2).encode() + b"\n"


def check_error(answer, status, kind, message):
    response, data = answer
    assert response.status == status
    assert data == error(status, kind, message)
    assert response.getheader("Connection") == "close"
    assert response.getheader("Content-Type") == "application/json"


def status_text(text):
    return json.dumps({"status": text}, indent=2).encode() + b"\n"


@pytest.fixture(scope="module")
def mms():
    with serving_models() as running:
        yield running


@pytest.fixture
def loaded(mms, example_model):
    assert load(mms, "reg", example_model)[0].status == 200
    yield mms
    send(mms, "DELETE", "/models/reg")


@pytest.fixture(scope="module")
def predictions(example_model):
    result = run("predict", "--model", example_model, stdin=rows_of_example().encode())
    return result.stdout.decode().split()


# The sequence of the upstream integration test.


def test_sequence(mms, example_model):
    assert send(mms, "GET", "/ping")[0].status == 200
    assert send(mms, "GET", "/models")[1] == b'{\n  "models": []\n}\n'
    check_error(
        send(mms, "DELETE", "/models/x"), 404, "ModelNotFoundException", "Model not found: x"
    )
    response, data = load(mms, "pickled_model", example_model)
    assert (response.status, data) == (200, status_text("Workers scaled"))
    assert len(data) == 33
    assert invoke(mms, "pickled_model", FIRST_ROW)[0].status == 200
    assert load(mms, "other", example_model)[0].status == 200
    models = json.loads(send(mms, "GET", "/models")[1])["models"]
    assert models == [
        {"modelName": n, "modelUrl": str(example_model)} for n in ("other", "pickled_model")
    ]
    check_error(
        load(mms, "pickled_model", example_model),
        409,
        "ConflictStatusException",
        "Model pickled_model is already registered.",
    )
    response, data = send(mms, "DELETE", "/models/pickled_model")
    assert (response.status, data) == (200, status_text('Model "pickled_model" unregistered'))
    check_error(
        invoke(mms, "pickled_model", FIRST_ROW),
        404,
        "ModelNotFoundException",
        "Model not found: pickled_model",
    )
    assert send(mms, "DELETE", "/models/other")[0].status == 200
    assert send(mms, "GET", "/models")[1] == b'{\n  "models": []\n}\n'


# What every answer has, and the endpoints that need no model.


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_ping(mms, method):
    response, data = send(mms, method, "/ping")
    assert (response.status, response.reason) == (200, "OK")
    assert data == b'{\n  "status": "Healthy"\n}\n' and len(data) == 26


def test_headers(mms):
    ids = set()
    for path in ("/ping", "/models", "/nope"):
        response, data = send(mms, "GET", path)
        assert response.getheader("Content-Type") == "application/json"
        assert response.getheader("Pragma") == "no-cache"
        assert response.getheader("Cache-Control") == "no-cache; no-store, must-revalidate, private"
        assert response.getheader("Expires") == "Thu, 01 Jan 1970 00:00:00 UTC"
        assert response.getheader("Content-Length") == str(len(data))
        ids.add(response.getheader("x-request-id"))
    assert len(ids) == 3
    for one in ids:
        assert re.fullmatch(
            r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", one
        )


def test_execution_parameters(mms):
    response, data = send(mms, "GET", "/execution-parameters")
    assert response.status == 200 and response.getheader("Content-Type") is None
    assert (
        data
        == b'{\n  "MaxConcurrentTransforms": 1,\n  "BatchStrategy": "MULTI_RECORD",\n  "MaxPayloadInMB": 6\n}'
    )
    assert len(data) == 92
    response, data = send(mms, "POST", "/execution-parameters")
    assert response.status == 500 and json.loads(data)["type"] == "ModelServerEndpointException"


def test_api_document(mms):
    response, data = send(mms, "OPTIONS", "/")
    assert response.status == 200
    assert "/models/{model_name}/invoke" in json.loads(data)["paths"]


@pytest.mark.parametrize(
    "method,path",
    [
        ("GET", "/"),
        ("POST", "/"),
        ("PUT", "/models"),
        ("DELETE", "/models"),
        ("POST", "/models/x"),
        ("HEAD", "/"),
    ],
)
def test_method_not_allowed(mms, method, path):
    response, data = send(mms, method, path)
    assert (response.status, response.reason) == (405, "Method Not Allowed")
    if method != "HEAD":
        message = "Requested method is not allowed, please refer to API document."
        assert data == error(405, "MethodNotAllowedException", message)


@pytest.mark.parametrize(
    "path",
    ["/nope", "/pingx", "/models/a/b", "/models/a/invoke/b", "/predictions", "/invocations/a"],
)
def test_unknown_path(mms, path):
    check_error(
        send(mms, "GET", path),
        404,
        "ResourceNotFoundException",
        "Requested resource is not found, please refer to API document.",
    )


# Listing.


def test_paging(example_model):
    names = [f"m{i}" for i in range(5)]
    with serving_models() as server:
        for name in reversed(names):
            assert load(server, name, example_model)[0].status == 200

        def page(query):
            answer = send(server, "GET", "/models" + query)[1]
            page = json.loads(answer)
            if "nextPageToken" in page:
                assert answer.startswith(b'{\n  "nextPageToken": "')
            return [m["modelName"] for m in page["models"]], page.get("nextPageToken")

        assert page("") == (names, None)
        assert page("?limit=2") == (names[:2], "2")
        assert page("?limit=2&next_page_token=2") == (names[2:4], "4")
        assert page("?next_page_token=4&limit=2") == (names[4:], None)
        assert page("?limit=5") == (names, "5")  # an exactly full last page has a token, too
        assert page("?limit=5&next_page_token=5") == ([], None)
        assert page("?limit=0") == ([], "0")
        assert page("?limit=0&next_page_token=5") == ([], "5")
        assert page("?limit=0&next_page_token=6") == ([], None)
        for bad in (
            "limit=-1",
            "limit=101",
            "limit=x",
            "limit=",
            "next_page_token=-1",
            "next_page_token=x",
        ):
            assert page("?" + bad) == (names, None)
        assert page("?limit=2&next_page_token=99999999999999999999") == (names[:2], "2")
        expected = {
            "nextPageToken": "1",
            "models": [{"modelName": "m0", "modelUrl": str(example_model)}],
        }
        assert (
            send(server, "GET", "/models?limit=1")[1].decode()
            == json.dumps(expected, indent=2) + "\n"
        )


# Loading.


def test_load_by_query(mms, example_model):
    response, data = send(mms, "POST", f"/models?model_name=q&url={example_model}")
    assert (response.status, data) == (200, status_text("Workers scaled"))
    assert send(mms, "DELETE", "/models/q")[0].status == 200
    # as curl -d sends it: the type says form, the body says JSON
    body = json.dumps({"model_name": "q", "url": str(example_model)})
    assert (
        send(mms, "POST", "/models", body, Content_Type="application/x-www-form-urlencoded")[
            0
        ].status
        == 200
    )
    assert send(mms, "DELETE", "/models/q")[0].status == 200


def test_load_without_workers(mms, example_model):
    response, data = send(
        mms, "POST", f"/models?model_name=q1&url={example_model}&initial_workers=0"
    )
    assert (response.status, data) == (200, status_text('Model "q1" registered'))
    assert json.loads(send(mms, "GET", "/models/q1")[1])["workers"] == []
    assert invoke(mms, "q1", FIRST_ROW)[0].status == 200
    assert send(mms, "DELETE", "/models/q1")[0].status == 200


def test_load_in_the_background(mms, example_model):
    response, data = load(mms, "later", example_model, synchronous=False)
    assert (response.status, data) == (202, status_text("Processing worker updates..."))
    deadline = time.monotonic() + 10 * SLOW
    while invoke(mms, "later", FIRST_ROW)[0].status == 404 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert invoke(mms, "later", FIRST_ROW)[0].status == 200
    assert send(mms, "DELETE", "/models/later")[0].status == 200


def test_load_a_file_and_a_relative_path(mms):
    model = EXAMPLE / "model.json"
    assert load(mms, "file", model)[0].status == 200
    assert load(mms, "relative", str(model)[1:])[0].status == 200  # the store is the root
    assert json.loads(send(mms, "GET", "/models/relative")[1])["modelUrl"] == str(model)[1:]
    for name in ("file", "relative"):
        assert send(mms, "DELETE", f"/models/{name}")[0].status == 200


NOT_FOUND = "ModelNotFoundException"
BAD_REQUEST = "BadRequestException"


@pytest.mark.parametrize(
    "body,status,kind,message",
    [
        (
            {"model_name": "x", "url": "/no/such"},
            404,
            NOT_FOUND,
            "Model not found in model store: /no/such",
        ),
        (
            {"model_name": "x", "url": "s3://b/k"},
            404,
            NOT_FOUND,
            "Model not found in model store: s3://b/k",
        ),
        (
            {"model_name": "x", "url": "../x"},
            404,
            NOT_FOUND,
            "Relative path is not allowed in url: ../x",
        ),
        (
            {"model_name": "x", "url": "/a/../x"},
            404,
            NOT_FOUND,
            "Relative path is not allowed in url: /a/../x",
        ),
        ({"model_name": "x"}, 400, BAD_REQUEST, "Parameter url is required."),
        ({"model_name": "x", "url": ""}, 400, BAD_REQUEST, "Parameter url is required."),
        ({"url": "/x"}, 400, BAD_REQUEST, "Parameter model_name is required."),
    ],
)
def test_bad_loads(mms, body, status, kind, message):
    check_error(send(mms, "POST", "/models", body), status, kind, message)


@pytest.mark.parametrize(
    "body", ['{"model_name": "x"', "[]", '"x"', '{"url": 7}', "{'a'}", '{"a": "\xff"}', "[" * 60000]
)
def test_malformed_json(mms, body):
    response, data = send(
        mms, "POST", "/models", body.encode("latin-1"), Content_Type="application/json"
    )
    assert response.status == 500 and json.loads(data)["type"] == "JsonSyntaxException"


def test_empty_json(mms):
    response, data = send(mms, "POST", "/models", "", Content_Type="application/json")
    assert response.status == 500 and json.loads(data)["type"] == "NullPointerException"
    check_error(
        send(mms, "POST", "/models"), 400, "BadRequestException", "Parameter url is required."
    )


def test_bad_models_fail_at_their_load(mms, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage" / "xgboost-model").write_bytes(b"\x00\x01garbage\xff" * 100)
    for name in ("empty", "garbage"):
        response, data = load(mms, name, tmp_path / name)
        answer = json.loads(data)
        assert (response.status, answer["type"]) == (500, "InternalServerException")
        assert str(tmp_path / name) in answer["message"]
        assert send(mms, "GET", f"/models/{name}")[0].status == 404
    assert json.loads(send(mms, "GET", "/models")[1])["models"] == []


@pytest.mark.parametrize(
    "name,path",
    [
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("é", "%C3%A9"),
        ("<&='\">", "%3C%26%3D%27%22%3E"),
        ("x+y", "x+y"),
        ("..", ".."),
        ("n" * 1024, "n" * 1024),
    ],
)
def test_names_are_decoded(mms, example_model, name, path):
    assert load(mms, name, example_model)[0].status == 200
    described = send(mms, "GET", f"/models/{path}")[1]
    assert json.loads(described)["modelName"] == name
    assert not set("<>&='") & set(described.decode())
    assert invoke(mms, path, FIRST_ROW)[0].status == 200
    assert (
        invoke(mms, path.replace("+", "%2B"), FIRST_ROW, path="/invocations?model_name={}")[
            0
        ].status
        == 200
    )
    assert invoke(mms, path, FIRST_ROW, path="/predictions/{}")[0].status == 200
    response, data = send(mms, "DELETE", f"/models/{path}")
    assert response.status == 200 and json.loads(data)["status"] == f'Model "{name}" unregistered'


@pytest.mark.parametrize("path", ["%", "%zz", "%00", "%ff", "a%0Ab", "x" * 5000])
def test_names_that_are_none(mms, path):
    response, data = send(mms, "GET", f"/models/{path}")
    assert response.status == 400 and json.loads(data)["type"] == "BadRequestException"


def test_name_too_long(mms, example_model):
    assert load(mms, "n" * 1025, example_model)[0].status == 400


# One model.


def test_describe(loaded, example_model):
    response, data = send(loaded, "GET", "/models/reg")
    model = json.loads(data)
    assert response.status == 200
    assert list(model) == [
        "modelName", "modelUrl", "runtime", "minWorkers", "maxWorkers", "batchSize", "maxBatchDelay",
        "loadedAtStartup", "workers",
    ]  # fmt: skip
    worker = model.pop("workers")[0]
    assert list(model.values()) == ["reg", str(example_model), "python", 1, 1, 1, 100, False]
    assert list(worker) == ["id", "startTime", "status", "gpu", "memoryUsage"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", worker["startTime"])
    assert (worker["status"], worker["gpu"]) == ("READY", False)
    # the layout is that of an indented document
    assert data.decode() == json.dumps(json.loads(data), indent=2) + "\n"
    check_error(
        send(loaded, "GET", "/models/nope"), 404, "ModelNotFoundException", "Model not found: nope"
    )


def test_scale(loaded):
    response, data = send(loaded, "PUT", "/models/reg?min_worker=2")
    assert (response.status, response.reason) == (202, "Accepted")
    assert data == status_text("Processing worker updates...")
    model = json.loads(send(loaded, "GET", "/models/reg")[1])
    assert (model["minWorkers"], model["maxWorkers"], len(model["workers"])) == (2, 2, 2)
    response, data = send(loaded, "PUT", "/models/reg?min_worker=1&max_worker=3&synchronous=true")
    assert (response.status, data) == (200, status_text("Workers scaled"))
    assert json.loads(send(loaded, "GET", "/models/reg")[1])["maxWorkers"] == 3
    assert send(loaded, "PUT", "/models/reg?min_worker=3&max_worker=2")[0].status == 400
    check_error(
        send(loaded, "PUT", "/models/nope"), 404, "ModelNotFoundException", "Model not found: nope"
    )


# Invocations.


def test_answers(loaded, predictions):
    rows = rows_of_example()
    for accept in (None, "", "*/*", "application/json"):
        response, data = invoke(loaded, "reg", rows, accept)
        assert response.status == 200
        assert response.getheader("Content-Type") == "application/json"
        assert data.decode() == "[" + ", ".join(predictions) + "]"
    for accept in ("text/csv", "csv", "TEXT/CSV"):
        response, data = invoke(loaded, "reg", rows, accept)
        assert response.getheader("Content-Type") == accept.lower()
        assert data.decode() == ",".join(predictions)
    assert invoke(loaded, "reg", FIRST_ROW)[1].decode() == f"[{predictions[0]}]"


def test_status_line(loaded):
    with loaded.socket() as raw:
        body = FIRST_ROW.encode()
        head = b"POST /models/reg/invoke HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n"
        raw.sendall(head % len(body) + body)
        assert raw.recv(4096).startswith(b"HTTP/1.1 200 \r\n")


def test_paths_of_invocations(loaded, predictions):
    expected = f"[{predictions[0]}]".encode()
    assert invoke(loaded, "reg", FIRST_ROW, path="/invocations?model_name={}")[1] == expected
    assert invoke(loaded, "reg", FIRST_ROW, path="/predictions/{}")[1] == expected
    check_error(
        invoke(loaded, "", FIRST_ROW, path="/invocations"),
        400,
        BAD_REQUEST,
        "Parameter model_name is required.",
    )
    check_error(
        invoke(loaded, "nope", FIRST_ROW, path="/invocations?model_name={}"),
        404,
        "ModelNotFoundException",
        "Model not found: nope",
    )


def test_libsvm_is_the_default_type(loaded, predictions):
    cells = " ".join(f"{i}:{cell}" for i, cell in enumerate(FIRST_ROW.split(",")))
    for content_type in (None, "text/libsvm"):
        assert (
            invoke(loaded, "reg", f"1 {cells}", content_type=content_type)[1].decode()
            == f"[{predictions[0]}]"
        )


def test_empty_body(loaded):
    for method in ("POST", "GET"):
        response, data = send(loaded, method, "/models/reg/invoke")
        assert (response.status, data) == (204, b"")
        assert response.getheader("Content-Length") is None


@pytest.mark.parametrize(
    "body,content_type,accept,status,text",
    [
        ("1,2,x", "text/csv", None, 415, "Loading csv data failed with Exception"),
        ("qid:1", "text/libsvm", None, 415, "invalid literal for int() with base 10: 'qid'"),
        ("1,2", "image/png", None, 415, "image/png is not an accepted ContentType: csv, libsvm"),
        ("a=1", "application/x-www-form-urlencoded", None, 415, "web form"),
        (FIRST_ROW + ",1", "text/csv", None, 400, "Unable to evaluate payload provided: "),
        (FIRST_ROW, "text/csv", "text/plain", 406, "Accept type text/plain is not supported."),
        (
            FIRST_ROW,
            "text/csv",
            "application/jsonlines",
            406,
            "Accept type application/jsonlines is not supported.",
        ),
        ("1,2,x", "text/csv", "text/plain", 415, "could not convert string to float: 'x'"),
    ],
)
def test_bad_invocations(loaded, body, content_type, accept, status, text):
    response, data = invoke(loaded, "reg", body, accept, content_type)
    answer = json.loads(data)
    assert response.status == answer["code"] == status
    assert answer["type"] == "BadRequestException"
    assert text in answer["message"]
    assert not set("<>&='") & set(data.decode())


def test_too_large(example_model):
    with serving_models(SAGEMAKER_MAX_REQUEST_SIZE="1000") as server:
        assert load(server, "reg", example_model)[0].status == 200
        assert invoke(server, "reg", "1," * 499 + "11")[0].status == 400  # 1000 bytes
        response, data = invoke(server, "reg", "1," * 500 + "1")
        assert (response.status, data) == (413, b"")
        assert response.getheader("Connection") == "close"
        assert b'"MaxPayloadInMB": 0' in send(server, "GET", "/execution-parameters")[1]


def test_request_size_is_capped(example_model):
    with serving_models(MAX_CONTENT_LENGTH="100000000") as server:
        assert b'"MaxPayloadInMB": 20' in send(server, "GET", "/execution-parameters")[1]


def test_default_accept_and_batch(example_model, predictions):
    with serving_models(
        SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv", SAGEMAKER_BATCH="true"
    ) as server:
        assert load(server, "reg", example_model)[0].status == 200
        response, data = invoke(server, "reg", rows_of_example())
        assert response.getheader("Content-Type") == "text/csv"
        assert data.decode() == "".join(p + "\n" for p in predictions)
        assert invoke(server, "reg", rows_of_example(), "application/json")[1].startswith(b"[0.")


def test_unusable_default_accept(example_model):
    with serving_models(SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="image/png") as server:
        assert load(server, "reg", example_model)[0].status == 200
        assert invoke(server, "reg", FIRST_ROW)[0].status == 500
        assert invoke(server, "reg", FIRST_ROW, "text/csv")[0].status == 200


def test_large_bodies_go_through_workers(loaded, predictions):
    response, data = invoke(loaded, "reg", rows_of_example() * 4000, "text/csv")
    assert response.status == 200
    assert data.decode() == ",".join(predictions * 4000)


# Memory.


def memory_of(server, name):
    return json.loads(send(server, "GET", f"/models/{name}")[1])["workers"][0]["memoryUsage"]


def test_budget(mms, example_model):
    assert load(mms, "one", example_model)[0].status == 200
    one = memory_of(mms, "one")
    assert send(mms, "DELETE", "/models/one")[0].status == 200
    disk = (example_model / "xgboost-model").stat().st_size
    budget = 4 * one + disk
    with serving_models("--model-memory", budget) as server:
        loaded = 0
        while load(server, f"m{loaded}", example_model)[0].status == 200:
            loaded += 1
            assert loaded < 6
        assert loaded >= 3
        response, data = load(server, "more", example_model)
        assert (response.status, response.reason) == (507, "Insufficient Storage")
        assert data == error(507, "InternalServerException", "System out of memory")
        server.wait_for("raise --model-memory")
        assert send(server, "GET", "/models/more")[0].status == 404
        assert send(server, "GET", "/ping")[0].status == 200
        assert invoke(server, "m0", FIRST_ROW)[0].status == 200
        # the memory is there again when the unload has answered
        for _ in range(20):
            assert send(server, "DELETE", "/models/m0")[0].status == 200
            assert load(server, "m0", example_model)[0].status == 200
    with serving_models("--model-memory", disk - 1) as server:
        assert load(server, "m", example_model)[0].status == 507


def resident(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) * 1024


@pytest.mark.skipif(SLOW > 1, reason="sanitizers keep freed memory")
def test_unload_gives_memory_back(mms, tmp_path):
    # one model file of many copies of the example's trees
    model = json.loads((EXAMPLE / "model.json").read_text())
    booster = model["learner"]["gradient_booster"]["model"]
    trees, info = booster["trees"], booster["tree_info"]
    booster["trees"] = [dict(tree, id=i) for i, tree in enumerate(trees * 300)]
    booster["tree_info"] = info * 300
    booster["gbtree_model_param"]["num_trees"] = str(len(booster["trees"]))
    booster.pop("iteration_indptr", None)
    (tmp_path / "xgboost-model").write_text(json.dumps(model))
    assert load(mms, "warm", tmp_path)[0].status == 200
    assert send(mms, "DELETE", "/models/warm")[0].status == 200
    before = resident(mms)
    for name in ("big0", "big1", "big2"):
        assert load(mms, name, tmp_path)[0].status == 200
    grown = resident(mms) - before
    told = sum(memory_of(mms, name) for name in ("big0", "big1", "big2"))
    assert told > 3 * 1024 * 1024
    assert 0.7 * told - 1e6 < grown < 1.3 * told + 2e6
    for name in ("big0", "big1", "big2"):
        assert send(mms, "DELETE", f"/models/{name}")[0].status == 200
    assert resident(mms) - before < 0.1 * told + 1e6


# At the same time.


def test_concurrent_loads_of_one_name(mms, example_model):
    for _ in range(5):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            loads = [pool.submit(load, mms, "c", example_model) for _ in range(8)]
            statuses = sorted(one.result()[0].status for one in loads)
        assert statuses == [200] + [409] * 7
        assert send(mms, "DELETE", "/models/c")[0].status == 200


def test_concurrent_loads_of_many(mms, example_model):
    names = [f"c{i}" for i in range(40)]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        loads = [pool.submit(load, mms, name, example_model) for name in names]
        assert {one.result()[0].status for one in loads} == {200}
        assert len(json.loads(send(mms, "GET", "/models")[1])["models"]) == 40
        gone = [pool.submit(send, mms, "DELETE", f"/models/{name}") for name in names]
        assert {one.result()[0].status for one in gone} == {200}
    assert json.loads(send(mms, "GET", "/models")[1])["models"] == []


def test_invocations_while_others_come_and_go(loaded, example_model, predictions):
    stop = threading.Event()
    wrong = []

    def churn(name):
        while not stop.is_set():
            for answer in (
                load(loaded, name, example_model),
                send(loaded, "DELETE", f"/models/{name}"),
            ):
                if answer[0].status != 200:
                    wrong.append(answer[1])

    threads = [threading.Thread(target=churn, args=(f"churn{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    expected = f"[{', '.join(predictions)}]".encode()
    connection = loaded.connect()
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        headers = {"Content-Type": "text/csv"}
        body = rows_of_example().encode()
        response, data = loaded.request(
            "POST", "/models/reg/invoke", body, headers, connection=connection
        )
        if (response.status, data) != (200, expected):
            wrong.append(data)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_clients_that_leave(mms, example_model):
    body = json.dumps({"model_name": "left", "url": str(example_model)}).encode()
    head = b"POST /models HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with mms.socket() as raw:
        raw.sendall(head % len(body) + body)
    deadline = time.monotonic() + 10 * SLOW
    while send(mms, "GET", "/models/left")[0].status != 200 and time.monotonic() < deadline:
        time.sleep(0.01)
    with mms.socket() as raw:
        raw.sendall(b"DELETE /models/left HTTP/1.1\r\nHost: a\r\n\r\n")
    while send(mms, "GET", "/models/left")[0].status == 200 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert send(mms, "GET", "/models/left")[0].status == 404


# The process.


def test_any_text_switches_it_on(example_model):
    with serving(env={"SAGEMAKER_MULTI_MODEL": "false"}) as server:
        assert b"Healthy" in send(server, "GET", "/ping")[1]
    with serving("--model", example_model, env={"SAGEMAKER_MULTI_MODEL": ""}) as server:
        assert send(server, "GET", "/ping")[1] == b""


def test_signals(example_model):
    with serving_models() as server:
        assert load(server, "reg", example_model)[0].status == 200
        server.signal(10)
        assert "loaded=1" in server.wait_for("models: ")
        server.signal(1)  # nothing to reload
        assert invoke(server, "reg", FIRST_ROW)[0].status == 200


def test_stop_while_loading(tmp_path):
    shutil.copy(EXAMPLE / "model.json", tmp_path / "xgboost-model")
    with serving_models() as server:
        for i in range(50):
            assert load(server, f"m{i}", tmp_path, synchronous=False)[0].status == 202
