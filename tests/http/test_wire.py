"""HTTP on raw sockets: framing, limits and deadlines of the real program."""
import socket
import time

import pytest

from conftest import SLOW, rows_of_example, serving

ROW = rows_of_example().splitlines()[0].encode()


def read_all(raw):
    data = b""
    try:
        while chunk := raw.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    return data


def read_response(raw, pending=b""):
    """One response with a Content-Length; returns (head, body, rest)."""
    while b"\r\n\r\n" not in pending:
        chunk = raw.recv(65536)
        assert chunk, f"connection closed after {pending!r}"
        pending += chunk
    head, _, rest = pending.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(rest) < length:
        chunk = raw.recv(65536)
        assert chunk
        rest += chunk
    return head, rest[:length], rest[length:]


def post(body, *headers):
    return b"\r\n".join(
        [
            b"POST /invocations HTTP/1.1",
            b"Host: a",
            b"Content-Type: text/csv",
            b"Content-Length: %d" % len(body),
            *headers,
            b"",
            body,
        ]
    )


def test_pipelined_requests_are_answered_in_order(server):
    with server.socket() as raw:
        raw.sendall(post(ROW) + b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n" + post(b"1,x") + post(ROW))
        rest = b""
        statuses = []
        for _ in range(4):
            head, body, rest = read_response(raw, rest)
            statuses.append(head.split()[1])
        assert statuses == [b"200", b"200", b"415", b"200"]


def test_chunked_body(server):
    with server.socket() as raw:
        raw.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for i in range(0, len(ROW), 7):
            piece = ROW[i : i + 7]
            raw.sendall(b"%x;name=value\r\n%s\r\n" % (len(piece), piece))
        raw.sendall(b"0\r\nTrailer: x\r\n\r\n")
        head, body, _ = read_response(raw)
        assert head.startswith(b"HTTP/1.1 200") and body == server.post(ROW)[1]


def test_byte_by_byte(server):
    with server.socket() as raw:
        for byte in post(ROW):
            raw.sendall(bytes([byte]))
        assert read_response(raw)[1] == server.post(ROW)[1]


def test_expect_continue(server):
    with server.socket() as raw:
        request = post(ROW, b"Expect: 100-continue")
        raw.sendall(request[: -len(ROW)])
        assert raw.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(ROW)
        assert read_response(raw)[0].startswith(b"HTTP/1.1 200")


def test_expect_continue_is_refused_before_the_body(server):
    with server.socket() as raw:
        raw.sendall(
            b"POST /nope HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        assert read_response(raw)[0].startswith(b"HTTP/1.1 404")


def test_http_1_0(server):
    with server.socket() as raw:
        raw.sendall(b"GET /ping HTTP/1.0\r\n\r\n")
        assert b"\r\nConnection: close" in read_all(raw)
    with server.socket() as raw:
        raw.sendall(b"GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
        assert read_all_n(raw, 2)


def read_all_n(raw, n):
    rest = b""
    for _ in range(n):
        head, _, rest = read_response(raw, rest)
        assert head.startswith(b"HTTP/1.1 200")
    return True


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n1,2",
        b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n1,2",
        b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n1,2",
        b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\n1,2",
        b"POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n",
        b"GET /ping HTTP/1.1\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
        b"GET /ping HTTP/1.1\nHost: a\n\n",
        b"GET /ping HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
        b"GET  /ping HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_what_could_be_read_two_ways_is_refused(server, request_bytes):
    with server.socket() as raw:
        raw.sendall(request_bytes + b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = read_all(raw)
        assert answer.startswith(b"HTTP/1.1 400 "), answer[:100]
        assert answer.count(b"HTTP/1.1 ") == 1, "something after it was answered too"
        assert b"\r\nConnection: close\r\n" in answer


def test_other_transfer_coding(server):
    with server.socket() as raw:
        raw.sendall(b"POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n")
        assert read_all(raw).split()[1] == b"400"


@pytest.fixture(scope="module")
def small(example_model):
    """A server with small limits and short deadlines."""
    with serving(
        "--model",
        example_model,
        "--max-body",
        "1000",
        "--max-head",
        "512",
        "--max-request-line",
        "128",
        "--max-connections",
        "20",
        "--head-timeout",
        "1",
        "--body-timeout",
        "1",
        "--idle-timeout",
        "2",
    ) as running:
        yield running


def test_body_limit(small):
    body = b"0" * 1000
    assert small.post(body)[0].status == 200
    response, page = small.post(body + b"0")
    assert (response.status, response.reason) == (413, "REQUEST ENTITY TOO LARGE")
    assert b"<title>413 Request Entity Too Large</title>" in page


def test_chunked_body_limit(small):
    for size, status in ((1000, b"200"), (1001, b"413")):
        with small.socket() as raw:
            raw.sendall(
                b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            raw.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"0" * size))
            assert read_response(raw)[0].split()[1] == status


def test_413_is_seen_by_a_client_that_sends_it_all(small):
    response, _ = small.post(b"1" * 5_000_000)
    assert response.status == 413


def test_request_line_limit(small):
    line = b"GET /ping?%s HTTP/1.1"
    padding = 128 - len(line % b"")
    for extra, status in ((0, b"200"), (1, b"414")):
        with small.socket() as raw:
            raw.sendall(line % (b"x" * (padding + extra)) + b"\r\nHost: a\r\n\r\n")
            assert read_response(raw)[0].split()[1] == status


def test_head_limit(small):
    head = b"GET /ping HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n"
    padding = 512 - len(head % b"")
    for extra, status in ((0, b"200"), (1, b"431")):
        with small.socket() as raw:
            raw.sendall(head % (b"x" * (padding + extra)))
            assert read_response(raw)[0].split()[1] == status


def test_field_count_limit(server):
    for count, status in ((100, b"200"), (101, b"431")):
        with server.socket() as raw:
            raw.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * (count - 1) + b"\r\n")
            assert read_response(raw)[0].split()[1] == status


def drip(raw, data, pause, limit):
    """A byte now and then; how long until the other side ended it."""
    begin = time.monotonic()
    raw.settimeout(pause)
    for byte in data:
        try:
            raw.sendall(bytes([byte]))
            answer = raw.recv(1000)
            return time.monotonic() - begin, answer
        except socket.timeout:
            if time.monotonic() - begin > limit:
                break
        except OSError:
            return time.monotonic() - begin, b""
    return None, b""


def test_a_byte_at_a_time_keeps_no_head_alive(small):
    with small.socket() as raw:
        took, _ = drip(raw, b"GET /ping HTTP/1.1\r\nX: " + b"y" * 300, 0.2, 10 * SLOW)
        assert took is not None and took < 5 * SLOW


def test_a_byte_at_a_time_keeps_no_body_alive(small):
    with small.socket() as raw:
        raw.sendall(post(b"1" * 900)[:-900])
        took, _ = drip(raw, b"1" * 900, 0.2, 10 * SLOW)
        assert took is not None and took < 6 * SLOW


def test_idle_connections_are_closed(small):
    with small.socket() as raw:
        raw.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
        read_response(raw)
        begin = time.monotonic()
        assert raw.recv(100) == b""
        assert 1 < time.monotonic() - begin < 6 * SLOW


def test_connection_cap(example_model):
    """Beyond the cap a connection waits; it is served when another goes."""
    with serving("--model", example_model, "--max-connections", "5") as server:
        held = [server.socket() for _ in range(5)]
        for raw in held:
            raw.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
            read_response(raw)
        late = server.socket()
        late.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
        late.settimeout(0.5)
        with pytest.raises(socket.timeout):
            late.recv(100)
        held.pop().close()
        late.settimeout(10 * SLOW)
        assert late.recv(100).startswith(b"HTTP/1.1 200")
        late.close()
        for raw in held:
            raw.close()


def test_300_slow_clients_do_not_delay_a_good_one(server):
    slow = [server.socket() for _ in range(300)]
    for i, raw in enumerate(slow):
        raw.sendall(post(ROW)[: 20 + i])
    worst = 0.0
    for _ in range(50):
        begin = time.monotonic()
        assert server.post(ROW)[0].status == 200
        worst = max(worst, time.monotonic() - begin)
    for raw in slow:
        raw.close()
    assert worst < 0.5 * SLOW


def test_a_client_that_leaves_early_harms_nobody(server):
    for _ in range(50):
        with server.socket() as raw:
            raw.sendall(post(ROW))
    with server.socket() as raw:
        raw.sendall(post(ROW)[:60])
    assert server.post(ROW)[0].status == 200


def test_full_queue_is_a_prompt_503(example_model):
    import threading

    rows = rows_of_example().encode() * 8000
    statuses = []
    with serving(
        "--model", example_model, "--workers", "1", "--queue", "1", "--max-body", "20000000"
    ) as server:
        threads = [
            threading.Thread(target=lambda: statuses.append(server.post(rows)[0].status))
            for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(statuses) <= {200, 503} and statuses.count(200) >= 1 and 503 in statuses
