"""Building and running what is measured: our programs, peers, servers, the load generator."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import machine

PROGRAMS = ("bench_forest", "csv_strtod", "ceiling", "fixed_reply", "load", "start_time",
            "peer_xgboost", "bench_linear", "bench_nearest", "bench_json_request")
LEVELS = ("baseline", "avx2", "avx512", "vbmi")


class Failed(Exception):
    """A program did not do what it was asked; the text says which and why."""


def first_line(text):
    lines = [line for line in text.strip().split("\n") if line]
    return lines[-1][:200] if lines else "it said nothing"


class Bench:
    """Where things are, and how long to measure."""

    def __init__(self, root, build, peers, quick):
        self.root = pathlib.Path(root)
        self.build = pathlib.Path(build)
        self.folder = self.build / "benchmarks"
        self.models = self.folder / "models"
        self.peers = pathlib.Path(peers)
        self.quick = quick
        cpus = sorted(os.sched_getaffinity(0))
        self.cpus = cpus
        self.server_cpu = cpus[0]
        self.client_cpu = cpus[-1]
        self.patience = machine.Patience(10 if quick else 150)
        self.live = []

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def program(self, name):
        return str(self.folder / name)

    def rounds(self, full):
        return 2 if self.quick else full

    def seconds(self, full):
        return full / 4 if self.quick else full

    def compile(self):
        """The release build of the product and of the programs here."""
        if not (self.build / "build.ninja").exists():
            self.run(["meson", "setup", str(self.build), str(self.root)], timeout=600)
        options = json.loads(self.run(["meson", "introspect", "--buildoptions", str(self.build)]))
        kind = {option["name"]: option["value"] for option in options}
        if kind["buildtype"] != "release" or kind["b_sanitize"] != "none":
            raise Failed(f"{self.build} is not a release build: give another one with --build")
        self.run(["ninja", "-C", str(self.build), "endpointd",
                  *(f"benchmarks/{name}" for name in PROGRAMS)], timeout=1800)

    def python_with(self, *modules):
        """An interpreter that has all the modules, Debian's before the peers'; None."""
        for python in ("/usr/bin/python3", sys.executable, str(self.peers / "bin" / "python")):
            code = "import " + ", ".join(modules)
            if os.path.exists(python) and subprocess.run(
                    [python, "-c", code], stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return python
        return None

    def make_models(self, names):
        python = self.python_with("numpy", "xgboost")
        script = str(self.root / "benchmarks" / "make_models.py")
        if python is None:
            raise Failed("training the models needs xgboost for Python: "
                         "`sh docker/setup.sh deps bench`, or `run.sh peers`")
        self.run([python, script, str(self.models), *names], timeout=1800, quiet=False)

    def model(self, name):
        about = json.loads((self.models / name / "about.json").read_text())
        about["folder"] = self.models / name
        return about

    def run(self, command, cpus=None, env=None, timeout=300, quiet=True):
        """A program to its end; what it printed. Raises Failed with its last line of error."""
        try:
            done = subprocess.run(
                [str(word) for word in command], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if quiet else None, text=True, timeout=timeout, check=False,
                env={**os.environ, **(env or {})}, preexec_fn=pin(cpus))
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed(f"{command[0]}: {error}") from error
        if done.returncode:
            raise Failed(f"{os.path.basename(str(command[0]))}: "
                         f"{first_line((done.stderr or '') or done.stdout)}")
        return done.stdout

    def run_json(self, command, **options):
        """The same, of which each line of output is JSON."""
        return [json.loads(line) for line in self.run(command, **options).splitlines()]

    def measure(self, run):
        """run() while nobody else uses the machine, if that can be had: its result, and how many
        processors others used."""
        return self.patience.measure(run, [server.process.pid for server in self.live])

    def levels(self):
        """The levels of instructions that this processor has, lowest first, and what is said of
        those that it has not."""
        have, missing = [], {}
        model = self.model("s")
        for level in LEVELS:
            try:
                self.run(forest_command(self, model, level, 0.001))
                have.append(level)
            except Failed as error:
                missing[level] = str(error)
        return have, missing

    @contextlib.contextmanager
    def serve(self, name, command, cpus, env=None, path="/ping"):
        """A server until the end of the block; {port} in its command is replaced."""
        server = Server(self, name, command, cpus, env)
        self.live.append(server)
        try:
            server.wait(path)
            yield server
        finally:
            self.live.remove(server)
            server.stop()

    def endpointd(self, model, *options):
        return [str(self.build / "endpointd"), "serve", "--host", "127.0.0.1", "--port", "{port}",
                "--model", str(self.models / model / "model.ubj"), "--max-body", "67108864",
                "--max-connections", "4096", *options]

    def server_has(self, option):
        return option in self.run([str(self.build / "endpointd"), "help", "settings"])


def forest_command(bench, model, level, seconds, margins=None):
    command = [bench.program("bench_forest"), "--cpu", level, "--seconds", seconds]
    if margins:
        command += ["--margins", margins]
    return command + row_arguments(model, "model.ubj")


def row_arguments(model, file):
    """What the programs of row_timing.h are told of a model."""
    folder = model["folder"]
    return [folder / file, folder / "rows.f32", model["features"], model["outputs"]]


def pin(cpus):
    if cpus is None:
        return None
    return lambda: os.sched_setaffinity(0, cpus)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that listens on a port; its output goes to a file."""

    def __init__(self, bench, name, command, cpus, env):
        self.bench = bench
        self.name = name
        self.port = free_port()
        logs = bench.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.log = logs / f"{name}.log"
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith(("ENDPOINTD_", "SAGEMAKER_", "SM_", "MAX_CONTENT"))}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(word).replace("{port}", str(self.port)) for word in command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**clean, **self.with_port(env or {})}, preexec_fn=pin(cpus))

    def with_port(self, env):
        return {name: value.replace("{port}", str(self.port)) for name, value in env.items()}

    def request(self, method, path, body=None, content_type="text/csv"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": content_type} if body is not None else {}
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def wait(self, path):
        """Until it answers, whatever it says (the ceiling answers everything)."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended: {first_line(machine.read(self.log))}")
            try:
                if self.request("GET", path)[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        raise Failed(f"{self.name} does not answer: {first_line(machine.read(self.log))}")

    def status(self, name):
        """A line of /proc/PID/status in kilobytes."""
        for line in machine.read(f"/proc/{self.process.pid}/status").splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise Failed(f"{self.name} is gone")

    def load(self, *options, seconds=2.0, cpus=None):
        """A run of the load generator against it."""
        command = [self.bench.program("load"), "--port", self.port, "--pid", self.process.pid,
                   "--seconds", seconds, *options]
        try:
            result = self.bench.run_json(
                command, cpus=[self.bench.client_cpu] if cpus is None else cpus,
                timeout=seconds * 12 + 60)[0]
        except Failed as error:
            raise Failed(f"{self.name}: {error}") from error
        if result["not_200"] or result["broken"]:
            raise Failed(f"{self.name}: {result['not_200']} answers of status "
                         f"{result['other_status']}, {result['broken']} none")
        return result

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # its own session: only what it started
            self.process.wait()
