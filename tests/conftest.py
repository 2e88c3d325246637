"""What the black-box suites share: the program, the golden data, a running server."""
import contextlib
import http.client
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("ENDPOINTD", str(ROOT / "build" / "endpointd"))
FIXTURES = pathlib.Path(os.environ.get("ENDPOINTD_FIXTURES", ROOT.parent / "shared" / "fixtures"))
EXAMPLE = ROOT / "docker" / "example"
# sanitizers and emulators make everything slower; limits of time are multiplied by this
SLOW = 8 if os.environ.get("ENDPOINTD_SLOW") else 1


# The address of a server to test in place of the program: "http://127.0.0.1:8080". It must serve the
# example model. Tests that start a server of their own are skipped then.
URL = os.environ.get("ENDPOINTD_URL")


def clean_environment(extra=None):
    """The environment without what would configure the program."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("ENDPOINTD_", "SAGEMAKER_", "SM_", "MAX_CONTENT"))
    }
    kept.update(extra or {})
    return kept


def run(*arguments, stdin=b"", env=None, timeout=120):
    """The program, run to its end."""
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(env),
        timeout=timeout * SLOW,
    )


class Client:
    """Requests to a server."""

    def __init__(self, host, port):
        self.host, self.port = host, port

    def connect(self, timeout=20):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout * SLOW)

    def socket(self, timeout=20):
        raw = socket.create_connection((self.host, self.port), timeout * SLOW)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return raw

    def request(self, method, path, body=None, headers=None, connection=None):
        own = connection or self.connect()
        own.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            own.putheader(name, value)
        if body is not None:
            own.putheader("Content-Length", str(len(body)))
        own.endheaders(body)
        response = own.getresponse()
        data = response.read()
        if connection is None:
            own.close()
        return response, data

    def post(self, body, content_type="text/csv", accept=None, **options):
        headers = {}
        if content_type is not None:
            headers["Content-Type"] = content_type
        if accept is not None:
            headers["Accept"] = accept
        if isinstance(body, str):
            body = body.encode()
        return self.request("POST", "/invocations", body, headers, **options)


class Server(Client):
    """`endpointd serve` on a port of the kernel's choice."""

    def __init__(self, *arguments, env=None, port="0"):
        command = [PROGRAM, "serve", "--host", "127.0.0.1"]
        if port is not None:
            command += ["--port", port]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(env),
        )
        self.lines = []
        self.pending = b""
        super().__init__("127.0.0.1", None)
        self.wait_for("listening on")
        self.port = int(self.lines[-1].rsplit(":", 1)[1])

    def read_log(self, timeout):
        """Moves what the server wrote to self.lines; False at its end."""
        ready, _, _ = select.select([self.process.stderr], [], [], timeout)
        if not ready:
            return True
        data = os.read(self.process.stderr.fileno(), 65536)
        *lines, self.pending = (self.pending + data).split(b"\n")
        self.lines += [line.decode(errors="replace") for line in lines]
        return bool(data)

    def wait_for(self, text, timeout=20, after=0):
        """Waits for a log line that holds `text`; returns it."""
        deadline = time.monotonic() + timeout * SLOW
        while time.monotonic() < deadline:
            for line in self.lines[after:]:
                if text in line:
                    return line
            if not self.read_log(0.1):
                break
        raise AssertionError(f"no log line with {text!r}; the log: " + "\n".join(self.lines))

    def drain_log(self):
        while select.select([self.process.stderr], [], [], 0)[0] and self.read_log(0):
            pass
        return self.lines

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 40 * SLOW
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read_log(0.05)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not stop: " + "\n".join(self.lines))
        while self.read_log(0.05) and select.select([self.process.stderr], [], [], 0)[0]:
            pass
        self.process.stderr.close()
        self.process.stdout.close()
        self.log.close()
        return self.process.returncode


@contextlib.contextmanager
def serving(*arguments, env=None, port="0"):
    if URL:
        pytest.skip("a server at ENDPOINTD_URL is tested: none is started")
    server = Server(*arguments, env=env, port=port)
    try:
        yield server
    finally:
        status = server.stop()
    assert status == 0, "\n".join(server.lines)


@pytest.fixture(scope="session")
def example_model(tmp_path_factory):
    """The example as a directory."""
    directory = tmp_path_factory.mktemp("model")
    shutil.copy(EXAMPLE / "model.json", directory / "xgboost-model")
    return directory


@pytest.fixture(scope="module")
def server(example_model):
    if URL:
        host, port = URL.split("//")[-1].rstrip("/").rsplit(":", 1)
        yield Client(host, int(port))
        return
    with serving("--model", example_model) as running:
        yield running


def rows_of_example():
    return (EXAMPLE / "rows.csv").read_text()


def fixture_path(*parts):
    """A path of the golden data; skips where there is none."""
    path = FIXTURES.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no golden data at {path}")
    return path


def normalise(text):
    """XGBoost's error texts without clock, path, line and what follows `Stack trace:`."""
    text = re.sub(r"\[[0-9HMS:]{8}\] \S*/src/(\S+?):\d+:", r"[..] src/\1:", text)
    return text.split("Stack trace:")[0]
