"""csv bodies that are scored as they arrive: the answer is the one to the rows, however they come."""
import json
import random
import re
import signal
import threading
import time

import pytest

from conftest import SLOW, rows_of_example, serving

ROWS = rows_of_example().encode().splitlines()
MAX_BODY = 24 << 20


@pytest.fixture(scope="module")
def large(example_model):
    with serving(
        "--model", example_model, "--max-body", MAX_BODY, "--threads", "2", "--workers", "3"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def scores(large):
    return large.post(rows_of_example())[1].split()


def body_of(size):
    """Rows of the example, about so many bytes, and how many rows there are."""
    count = max(1, size * len(ROWS) // sum(len(row) + 1 for row in ROWS))
    return b"".join(ROWS[i % len(ROWS)] + b"\n" for i in range(count)), count


def expected(scores, count):
    return b"".join(scores[i % len(scores)] + b"\n" for i in range(count))


def head_of(framing, accept="text/csv"):
    return (
        f"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"
        f"Accept: {accept}\r\n{framing}\r\n\r\n"
    ).encode()


def read_answer(raw):
    """One response, and no byte of the next one."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = raw.recv(1)
        assert byte, head
        head += byte
    left = int(re.search(rb"Content-Length: (\d+)", head)[1])
    body = b""
    while len(body) < left:
        chunk = raw.recv(min(left - len(body), 1 << 20))
        assert chunk
        body += chunk
    return int(head.split()[1]), head, body


def post_chunked(raw, body, sizes):
    raw.sendall(head_of("Transfer-Encoding: chunked"))
    at = 0
    while at < len(body):
        piece = body[at : at + next(sizes)]
        raw.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        at += len(piece)
    raw.sendall(b"0\r\n\r\n")
    return read_answer(raw)


SIZES = [100, 15000, 16384, 17000, 21000, 48000, 64000, 66000, 130000, 300000, 1500000, 9000000]


@pytest.mark.parametrize("size", SIZES)
def test_any_size(large, scores, size):
    body, count = body_of(size)
    response, data = large.post(body)
    assert (response.status, data) == (200, expected(scores, count))
    response, data = large.post(b" \n" + body + b"\n\t \n", accept="application/json")
    assert response.status == 200
    assert [p["score"] for p in json.loads(data)["predictions"]] == [
        float(scores[i % len(scores)]) for i in range(count)
    ]


@pytest.mark.parametrize("size", SIZES)
def test_chunked(large, scores, size):
    body, count = body_of(size)
    generator = random.Random(size)
    with large.socket() as raw:
        for largest in (70, 5000, 40000, 1000000):
            if largest < 1000 and size > 200000:
                continue
            sizes = iter(lambda: generator.randint(1, largest), None)
            status, _, data = post_chunked(raw, body, sizes)
            assert (status, data) == (200, expected(scores, count))


def test_slow_pieces(large, scores):
    """Cut in numbers and line ends, with time between the pieces."""
    body, count = body_of(150000)
    generator = random.Random(1)
    with large.socket() as raw:
        raw.sendall(head_of(f"Content-Length: {len(body)}"))
        at = 0
        while at < len(body):
            size = generator.randint(1, 9000)
            raw.sendall(body[at : at + size])
            at += size
            time.sleep(generator.choice([0, 0, 0.002]))
        status, _, data = read_answer(raw)
    assert (status, data) == (200, expected(scores, count))


LOADING = "Loading csv data failed with Exception, please ensure data is in csv format:\n "


@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("size", [40000, 200000, 3000000])
def test_faults(large, size, place):
    body, count = body_of(size)
    lines = body.splitlines()
    at = int(place * len(lines))
    bad_cell = lines[at].rsplit(b",", 1)[0] + b",'x"
    ragged = lines[at] + b",1"
    not_text = lines[at].rsplit(b",", 1)[0] + b",\xe2\x82"
    infinite = lines[at].rsplit(b",", 1)[0] + b",inf"
    not_a_number = LOADING + '<class \'ValueError\'>\n could not convert string to float: "\'x"'

    def answer(*changes):
        changed = list(lines)
        for where, line in changes:
            changed[where] = line
        changed = b"\n".join(changed) + b"\n"
        response, data = large.post(changed)
        assert response.status == 415 and response.getheader("Connection") == "keep-alive"
        try:
            changed.strip().decode()
        except UnicodeDecodeError as error:
            assert data.decode() == LOADING + f"<class 'UnicodeDecodeError'>\n {error}"
        return data.decode()

    assert answer((at, bad_cell)) == not_a_number
    # the first bad cell counts, and comes before any infinity
    assert answer((at, infinite), (-1, bad_cell)) == not_a_number
    assert "inf` or `nan`" in answer((at, infinite))
    # a ragged line comes before any bad cell, and text that is none before all
    shape = LOADING + (
        "<class 'ValueError'>\n setting an array element with a sequence. The requested array has "
        "an inhomogeneous shape after 1 dimensions. The detected shape was "
        f"({count},) + inhomogeneous part."
    )
    assert answer((at, bad_cell), (-1, ragged)) == shape
    assert "UnicodeDecodeError" in answer((0, ragged), (at, not_text))
    assert "UnicodeDecodeError" in answer((0, bad_cell), (at, not_text), (-1, infinite + b"\xff"))


def test_wrong_number_of_columns(large):
    body = b"1,2\n" * 100000
    response, data = large.post(body)
    assert response.status == 200  # fewer are missing ones
    wide = (b",".join([b"1"] * 31) + b"\n") * 5000
    response, data = large.post(wide)
    assert response.status == 400 and b"(30 vs. 31)" in data
    response, data = large.post(wide + b"x\n")
    assert response.status == 415 and b"(5001,) + inhomogeneous part" in data


def test_blank_bodies(large):
    for body in (b" \n" * 40000, b"\n"):
        with large.socket() as raw:
            status, _, data = post_chunked(raw, body, iter(lambda: 9000, None))
        assert status == 415 and b"Could not determine delimiter" in data
        assert large.post(body)[1] == data
    with large.socket() as raw:
        raw.sendall(head_of("Transfer-Encoding: chunked") + b"0\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 204")


def test_one_long_line(large, scores):
    """A line that is longer than a block: a number of many digits."""
    line = ROWS[0].replace(b",", b"," + b"0" * 700000, 1)
    response, data = large.post(b"\n".join([line, ROWS[1], line]))
    assert (response.status, data.split()) == (200, [scores[0], scores[1], scores[0]])


def test_bad_accept(large):
    body, _ = body_of(300000)
    response, data = large.post(body, accept="image/png")
    assert response.status == 406 and b"image/png" in data
    response, data = large.post(body + b"x\n", accept="image/png")
    assert response.status == 415


def test_pipelined(large, scores):
    body, count = body_of(200000)
    request = head_of(f"Content-Length: {len(body)}") + body
    with large.socket() as raw:
        sender = threading.Thread(target=raw.sendall, args=(request * 5,))
        sender.start()
        for _ in range(5):
            status, _, data = read_answer(raw)
            assert (status, data) == (200, expected(scores, count))
        sender.join()


def counters_of(server):
    after = len(server.lines)
    server.signal(signal.SIGUSR1)
    line = server.wait_for("counters:", after=after)
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}


def test_clients_that_go_leave_nothing(example_model):
    body, count = body_of(3000000)
    generator = random.Random(7)
    with serving("--model", example_model) as server:
        for _ in range(40):
            with server.socket() as raw:
                raw.sendall(head_of(f"Content-Length: {len(body)}"))
                raw.sendall(body[: generator.randint(1, len(body) - 1)])
        response, _ = server.post(body)
        assert response.status == 200
        deadline = time.monotonic() + 5 * SLOW
        while time.monotonic() < deadline:
            numbers = counters_of(server)
            if numbers["connections"] == 0 and numbers["requests"] == 41:
                break
            time.sleep(0.05)
        assert numbers["in_flight_bytes"] == 0 and numbers["waiting"] == 0
        assert numbers["rows"] == count and numbers["body_bytes"] == len(body)


def test_counters(example_model):
    body, count = body_of(3000000)
    with serving("--model", example_model) as server:
        server.post(body)
        server.post(b"".join(ROWS[:1]))
        numbers = counters_of(server)
        assert (numbers["rows"], numbers["by_worker"]) == (count + 1, 1)
        assert numbers["body_bytes"] == len(body) + len(ROWS[0])


def test_stop_and_reload_in_the_middle(example_model):
    body, count = body_of(2000000)
    with serving("--model", example_model) as server:
        want = server.post(body)[1]
        with server.socket() as raw:
            raw.sendall(head_of(f"Content-Length: {len(body)}") + body[:1000000])
            server.signal(signal.SIGHUP)
            server.wait_for("reloaded")
            server.signal(signal.SIGTERM)
            server.wait_for("stopping")
            time.sleep(0.1)
            raw.sendall(body[1000000:])
            status, head, data = read_answer(raw)
        assert status == 200 and b"\r\nConnection: close" in head and data == want
        assert server.process.wait(10 * SLOW) == 0


def memory_of(server, name):
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(re.search(rf"{name}:\s+(\d+) kB", status.read())[1]) * 1024


@pytest.mark.skipif(SLOW > 1, reason="a sanitizer's memory is its own")
def test_memory_does_not_grow_with_the_body(example_model):
    body, count = body_of(20 << 20)
    with serving("--model", example_model, "--max-body", MAX_BODY) as server:
        idle = memory_of(server, "VmRSS")
        response, data = server.post(body)
        assert response.status == 200 and data.count(b"\n") == count
        assert memory_of(server, "VmHWM") <= idle + len(data) + (16 << 20)


def test_the_smallest_budget(example_model):
    """Bodies that are larger than all that may be in flight, whose answers are not."""
    body, count = body_of(3 << 20)
    with serving(
        "--model", example_model, "--max-in-flight", 1 << 20, "--max-body", MAX_BODY, "--workers", 8
    ) as server:
        for _ in range(3):
            response, data = server.post(body)
            assert response.status == 200 and data.count(b"\n") == count
        body, count = body_of(MAX_BODY - 1000)
        assert server.post(body)[0].status == 503  # an answer of more than that


def test_full_queue_is_told_before_the_body_has_come(example_model):
    """One worker, one more request may wait: of eight that go on for long, some are told at once."""
    body, _ = body_of(8 << 20)
    statuses = []

    def post(server):
        with server.socket() as raw:
            raw.sendall(head_of(f"Content-Length: {len(body)}"))
            try:
                raw.sendall(body)
            except OSError:
                pass
            status, head, data = read_answer(raw)
            statuses.append(status)
            if status == 503:
                assert b"--queue" in data and b"\r\nConnection: close" in head

    with serving(
        "--model", example_model, "--workers", "1", "--queue", "1", "--max-body", MAX_BODY
    ) as server:
        for _ in range(10):  # who sends slowly has nothing that waits
            threads = [threading.Thread(target=post, args=(server,)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if 503 in statuses:
                break
        assert counters_of(server)["queue_full"] == statuses.count(503)
    assert set(statuses) == {200, 503} and len(statuses) % 8 == 0


def test_multi_model(example_model, large, scores):
    body, count = body_of(1000000)
    with serving(env={"SAGEMAKER_MULTI_MODEL": "true"}) as server:
        load = json.dumps({"model_name": "m", "url": str(example_model)})
        assert server.request("POST", "/models", load.encode())[0].status == 200

        def invoke(data, **headers):
            headers = {"Content-Type": "text/csv", **headers}
            return server.request("POST", "/models/m/invoke", data, headers)

        many = [scores[i % len(scores)] for i in range(count)]
        response, data = invoke(body)
        assert (response.status, data) == (200, b"[" + b", ".join(many) + b"]")
        assert response.getheader("Content-Type") == "application/json"
        response, data = invoke(body, Accept="text/csv")
        assert (response.status, data) == (200, b",".join(many))
        response, data = invoke(body, Accept="image/png")
        assert response.status == 406 and b"image/png" in data
        response, data = invoke(body + b"x\n", Accept="image/png")
        assert response.status == 415
        assert b"inhomogeneous" in data
        response, data = server.request(
            "POST", "/models/other/invoke", body, {"Content-Type": "text/csv"}
        )
        assert response.status == 404
        # a model is let go of with the last request that streams to it
        assert server.request("DELETE", "/models/m")[0].status == 200
