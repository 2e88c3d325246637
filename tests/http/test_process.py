"""The process: start-up lines, exit statuses, signals, settings, logs."""
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import EXAMPLE, PROGRAM, SLOW, clean_environment, rows_of_example, run, serving

ROW = rows_of_example().splitlines()[0]


def start_fails(*arguments, env=None, status=1):
    """Runs `serve`, which must stop by itself with one line."""
    result = run("serve", *arguments, env=env, timeout=30)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == status, lines
    assert result.stdout == b""
    assert len(lines) == 1 and lines[0].startswith("endpointd: "), lines
    return lines[0]


def wait_until(condition, seconds=5):
    """The log line of a request is written after its answer."""
    deadline = time.monotonic() + seconds * SLOW
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_start_tells_model_and_settings(example_model):
    with serving("--model", example_model) as server:
        text = "\n".join(server.lines)
        assert (
            "xgboost, json, written by XGBoost 1.7.4, binary:logistic, 30 features, 30 trees"
            ", profile 1.7-1 (auto), kernel forest-"
            in text
        )
        assert re.search(r"settings: .*port=0.* max-body=6291456", text)
        assert re.fullmatch(r"endpointd: listening on 127\.0\.0\.1:\d+", server.lines[-1])


def test_several_addresses(example_model):
    with serving("--model", example_model, "--host", "::1") as server:
        server.wait_for("listening on [::1]:")
        assert [line for line in server.lines if "listening on" in line] == server.lines[-2:]
        with socket.create_connection(("::1", server.port)) as raw:
            raw.sendall(b"GET /ping HTTP/1.0\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 200")


def test_port_variable_and_option(example_model):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {"SAGEMAKER_BIND_TO_PORT": str(port), "SM_MODEL_DIR": str(example_model)}
    with serving(env=env, port=None) as server:
        assert server.port == port
    with serving(env={**env, "ENDPOINTD_PORT": "0"}, port=None) as server:
        assert server.port != port


def test_port_in_use(example_model):
    with serving("--model", example_model) as server:
        line = start_fails("--model", example_model, "--host", "127.0.0.1", "--port", server.port)
        assert str(server.port) in line and "in use" in line and "--port" in line


@pytest.mark.parametrize(
    "arguments,env,needed",
    [
        (["--port", "70000"], {}, ["--port", "70000", "0 to 65535"]),
        (["--port=x"], {}, ["--port", "'x'"]),
        ([], {"SAGEMAKER_BIND_TO_PORT": "eighty"}, ["SAGEMAKER_BIND_TO_PORT", "'eighty'"]),
        ([], {"ENDPOINTD_THREADS": "-1"}, ["ENDPOINTD_THREADS", "0 to 1024"]),
        ([], {"MAX_CONTENT_LENGTH": "6MB"}, ["MAX_CONTENT_LENGTH", "'6MB'"]),
        (["--nonsense"], {}, ["--nonsense", "--help"]),
        (["--model"], {}, ["--model", "needs a value"]),
        (["stray"], {}, ["stray", "--model"]),
    ],
)
def test_bad_settings(arguments, env, needed):
    line = start_fails(*arguments, env=env, status=2)
    for text in needed:
        assert text in line


def test_bad_profile(example_model):
    line = start_fails("--model", example_model, "--profile", "9.9-9", status=2)
    assert "--profile" in line and "9.9-9" in line and "1.7-1" in line
    line = start_fails("--model", example_model, env={"ENDPOINTD_PROFILE": "x"}, status=2)
    assert "ENDPOINTD_PROFILE" in line


def test_missing_model(tmp_path):
    assert str(tmp_path / "nothing") in start_fails("--model", tmp_path / "nothing")
    assert str(tmp_path) in start_fails("--model", tmp_path)


def test_corrupt_model(tmp_path):
    data = (EXAMPLE / "model.json").read_bytes()
    (tmp_path / "xgboost-model").write_bytes(data[: len(data) // 2])
    line = start_fails("--model", tmp_path)
    assert "xgboost-model" in line and "offset" in line


def test_bad_access_log(example_model, tmp_path):
    assert "access log" in start_fails(
        "--model", example_model, "--access-log", tmp_path / "no" / "log"
    )


def test_sigterm_finishes_what_is_in_flight(example_model):
    with serving("--model", example_model) as server:
        raw = server.socket()
        body = ROW.encode()
        raw.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n"
            % len(body)
        )
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", server.port), 2).close()
        raw.sendall(body)
        answer = b""
        while chunk := raw.recv(4096):
            answer += chunk
        assert answer.startswith(b"HTTP/1.1 200 OK") and b"\r\nConnection: close\r\n" in answer
        assert server.process.wait(10 * SLOW) == 0


def test_sigint_stops(example_model):
    with serving("--model", example_model) as server:
        server.signal(signal.SIGINT)
        assert server.process.wait(10 * SLOW) == 0


def test_reload(tmp_path):
    model = tmp_path / "xgboost-model"
    shutil.copy(EXAMPLE / "model.json", model)
    with serving("--model", tmp_path) as server:
        before = server.post(ROW)[1]
        model.write_bytes(b"{nonsense")
        server.signal(signal.SIGHUP)
        server.wait_for("reload failed")
        assert server.post(ROW)[1] == before
        text = (EXAMPLE / "model.json").read_text()
        replaced = tmp_path / "aside"
        replaced.write_text(text.replace('"base_score":"5E-1"', '"base_score":"9E-1"'))
        assert replaced.read_text() != text
        os.rename(replaced, model)
        server.signal(signal.SIGHUP)
        server.wait_for("endpointd: reloaded")
        after = server.post(ROW)[1]
        assert float(after) > float(before)


def test_reload_under_load(tmp_path):
    """No request fails while models come and go."""
    shutil.copy(EXAMPLE / "model.json", tmp_path / "xgboost-model")
    stop = threading.Event()
    statuses = []

    def work(server):
        connection = server.connect()
        while not stop.is_set():
            statuses.append(server.post(ROW, connection=connection)[0].status)

    with serving("--model", tmp_path) as server:
        threads = [threading.Thread(target=work, args=(server,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(10):
            after = len(server.lines)
            server.signal(signal.SIGHUP)
            server.wait_for("endpointd: reloaded", after=after)
        wait_until(lambda: len(statuses) > 10)
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}


def test_counters(example_model):
    with serving("--model", example_model) as server:
        for _ in range(3):
            server.post(rows_of_example())
        server.post("x,y")
        numbers = {}

        def counted():
            after = len(server.lines)
            server.signal(signal.SIGUSR1)
            numbers.update(re.findall(r"(\w+)=(\d+)", server.wait_for("counters:", after=after)))
            return numbers["requests"] == "4"

        wait_until(counted)
        assert (numbers["requests"], numbers["2xx"], numbers["4xx"], numbers["rows"]) == (
            "4",
            "3",
            "1",
            "9",
        )


def test_access_log(example_model, tmp_path):
    path = tmp_path / "access.log"
    with serving("--model", example_model, "--access-log", path) as server:
        server.request("GET", "/ping", headers={"User-Agent": 'x"y\xe9'})
        server.post(ROW)
        wait_until(lambda: path.read_text().count("\n") == 2)
        lines = path.read_text().splitlines()
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /ping HTTP/1\.1" 200 0 "-" "x\'y\\xe9"',
        lines[0],
    ), lines[0]
    assert '"POST /invocations HTTP/1.1" 200' in lines[1]


def test_access_log_on_standard_output(example_model):
    with serving("--model", example_model, "--access-log", "-") as server:
        server.request("GET", "/ping")
        assert b'"GET /ping HTTP/1.1" 200' in os.read(server.process.stdout.fileno(), 4096)


def test_access_log_after_rotation(example_model, tmp_path):
    path = tmp_path / "access.log"
    with serving("--model", example_model, "--access-log", path) as server:
        server.request("GET", "/ping")
        path.rename(tmp_path / "old.log")
        server.signal(signal.SIGHUP)
        server.wait_for("endpointd: reloaded")
        server.request("GET", "/execution-parameters")
        wait_until(lambda: "execution-parameters" in path.read_text())


def test_failed_requests_are_logged_and_rate_limited(example_model):
    with serving("--model", example_model) as server:
        after = len(server.lines)
        server.post("1,oops")
        line = server.wait_for("oops", after=after)
        assert "415" in line and "POST /invocations" in line
        for _ in range(60):
            server.post("1,oops")
        time.sleep(1.1)
        server.post("1,oops")
        server.wait_for("more failed requests were not logged", after=after)
        assert sum("oops" in line for line in server.lines[after:]) < 45


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["help"],
        ["-h"],
        ["serve", "--help"],
        ["predict", "--help"],
        ["inspect", "--help"],
        ["profiles", "--help"],
        ["help", "serve"],
    ],
)
def test_help(words):
    result = run(*words)
    assert result.returncode == 0 and result.stderr == b""
    assert b"endpointd" in result.stdout


def test_version():
    assert re.fullmatch(rb"endpointd \d+\.\d+\.\d+\n", run("--version").stdout)
    assert run("serve", "--version").stdout == run("--version").stdout


def test_wrong_usage():
    assert run().returncode == 2
    assert run("frobnicate").returncode == 2
    assert run("inspect").returncode == 2


def test_script_mode_is_told(example_model):
    with serving("--model", example_model, env={"SAGEMAKER_PROGRAM": "inference.py"}) as server:
        assert any("SAGEMAKER_PROGRAM" in line for line in server.lines)
        assert server.post(ROW)[0].status == 200


def test_verify(example_model):
    with serving("--model", example_model, "--verify") as server:
        text = "\n".join(server.lines)
    assert "verified" in text


def test_ping_while_every_core_scores(example_model):
    """A flood of large bodies: /ping is answered within 2 s."""
    rows = (rows_of_example() * 25000).encode()
    stop = threading.Event()

    def flood(server):
        while not stop.is_set():
            try:
                server.post(rows)
            except OSError:
                pass

    with serving("--model", example_model, "--max-body", "50000000") as server:
        threads = [threading.Thread(target=flood, args=(server,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        worst = 0.0
        for _ in range(30):
            begin = time.monotonic()
            assert server.request("GET", "/ping")[0].status == 200
            worst = max(worst, time.monotonic() - begin)
            time.sleep(0.02)
        stop.set()
        for thread in threads:
            thread.join()
    assert worst < 2 * SLOW


def test_process_one_stops_while_loading(tmp_path):
    """SIGTERM before the server listens: a fifo keeps the loader waiting."""
    os.mkfifo(tmp_path / "model")
    process = subprocess.Popen(
        [PROGRAM, "serve", "--model", str(tmp_path / "model"), "--port", "0"],
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    time.sleep(0.5 * SLOW)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    else:
        assert process.returncode == 1  # refused at once: a fifo is no model
    process.stderr.close()
