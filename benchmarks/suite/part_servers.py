"""Model S behind Python servers, as people serve it today, and behind ours: one core each."""
import json
import random
import shutil

import machine
from part_http import one_core
from programs import Failed, free_port

OPEN_RATE = 500  # requests a second: what the slowest of them still keeps up with


class Asked:
    """A server and how it is asked."""

    def __init__(self, command, env=None, ping="/ping", path="/invocations",
                 content_type="text/csv", body=None):
        self.command = command
        self.env = {"OMP_NUM_THREADS": "1", **(env or {})}
        self.ping = ping
        self.path = path
        self.content_type = content_type
        self.body = body


def python_apps(bench, part, model):
    """Our own small apps on what is installed among the peers."""
    python = bench.peers / "bin" / "python"
    apps = bench.root / "benchmarks" / "peers"
    env = {"MODEL": str(model["folder"] / "model.ubj")}
    found = {}
    wanted = {
        "fastapi": (("fastapi", "uvicorn", "uvloop", "httptools"),
                    ["uvicorn", "app_fastapi:app", "--app-dir", apps, "--host", "127.0.0.1",
                     "--port", "{port}", "--loop", "uvloop", "--http", "httptools",
                     "--no-access-log"]),
        "flask": (("flask", "gunicorn"),
                  ["gunicorn", "app_flask:app", "--chdir", apps, "--bind", "127.0.0.1:{port}",
                   "--workers", "1", "--worker-class", "gthread", "--threads", "4"]),
    }
    for name, (modules, command) in wanted.items():
        try:
            code = "import numpy, xgboost, " + ", ".join(modules)
            bench.run([python, "-c", code])
        except Failed:
            part.skip(f"{name}: not installed (run.sh peers)")
            continue
        found[name] = Asked([python, "-m", *command], env)
        part.facts.setdefault("versions", {})[name] = versions(bench, python, (*modules, "xgboost"))
    return found


def versions(bench, python, names):
    code = ("import importlib.metadata as m; "
            f"print(', '.join(n + ' ' + m.version(n) for n in {list(names)!r}))")
    return bench.run([python, "-c", code]).strip()


def mlserver(bench, part, model):
    """MLServer with its XGBoost runtime, in a folder as its documentation has it."""
    python = bench.peers / "mlserver" / "bin" / "python"
    try:
        bench.run([python, "-c", "import mlserver, mlserver_xgboost"])
    except Failed:
        part.skip("mlserver: not installed (run.sh peers)")
        return {}
    part.facts.setdefault("versions", {})["mlserver"] = versions(
        bench, python, ("mlserver", "mlserver-xgboost", "xgboost"))
    folder = bench.folder / "mlserver"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model["folder"] / "model.ubj", folder / "model.ubj")
    (folder / "model-settings.json").write_text(json.dumps({
        "name": "s", "implementation": "mlserver_xgboost.XGBoostModel",
        "parameters": {"uri": "./model.ubj"}}))
    body = folder / "requests.jsonl"
    with open(model["folder"] / "rows.csv") as rows, open(body, "w") as requests:
        for row in rows:
            data = [float(cell) for cell in row.split(",")]
            print(json.dumps({"inputs": [{"name": "rows", "shape": [1, len(data)],
                                          "datatype": "FP32", "data": data}]}), file=requests)
    env = {"MLSERVER_HOST": "127.0.0.1", "MLSERVER_HTTP_PORT": "{port}",
           "MLSERVER_GRPC_PORT": str(free_port()), "MLSERVER_METRICS_PORT": str(free_port()),
           "MLSERVER_PARALLEL_WORKERS": "0", "MLSERVER_DEBUG": "false"}
    command = [python, "-m", "mlserver.cli.main", "start", folder]
    return {"mlserver": Asked(command, env, "/v2/models/s/ready", "/v2/models/s/infer",
                              "application/json", body)}


def first_number(answer):
    """The score in an answer, csv or MLServer's JSON."""
    text = answer.decode()
    if text.startswith("{"):
        return float(json.loads(text)["outputs"][0]["data"][0])
    return float(text.split()[0])


class Servers:
    def __init__(self, bench, part):
        self.bench = bench
        self.part = part
        self.model = bench.model("s")
        self.rows = self.model["folder"] / "rows.csv"
        self.servers = {"ours": Asked(bench.endpointd("s", *one_core()))}
        self.servers.update(python_apps(bench, part, self.model))
        self.servers.update(mlserver(bench, part, self.model))

    def cell(self, name, server, what, *options):
        result, others = self.bench.measure(
            lambda: server.load(*options, seconds=self.bench.seconds(2)))
        for figure, unit in (("cpu_us", "us/request"), ("rate", "requests/s"), ("p50_us", "us"),
                             ("p99_us", "us"), ("p999_us", "us"), ("max_us", "us")):
            self.part.add((name, what, figure), unit, result[figure], others)

    def check(self, name, server, asked):
        with open(asked.body or self.rows, "rb") as file:
            row = file.readline()
        status, answer = server.request("POST", asked.path, row, asked.content_type)
        if status != 200:
            raise Failed(f"{name}: status {status} for a row: {answer[:200]!r}")
        self.part.facts.setdefault("scores", {})[name] = first_number(answer)

    def one(self, name):
        asked = self.servers[name]
        common = ("--body", asked.body or self.rows, "--path", asked.path, "--content-type",
                  asked.content_type)
        with self.bench.serve(name, asked.command, [self.bench.server_cpu], asked.env,
                              asked.ping) as server:
            self.check(name, server, asked)
            self.cell(name, server, "one", "--connections", 16, *common)
            self.part.add((name, "memory"), "MB", machine.tree_memory_mb(server.process.pid))
            self.cell(name, server, "open", "--connections", 16, "--rate", OPEN_RATE, "--spin", 1,
                      *common)
            if asked.body is None:
                self.cell(name, server, "batch", "--connections", 4, "--lines", 1000, *common)

    def round(self, broken):
        names = list(self.servers)
        random.shuffle(names)
        for name in names:
            try:
                if broken.get(name, 0) < 2:
                    self.one(name)
            except Failed as error:
                broken[name] = broken.get(name, 0) + 1
                text = str(error)
                self.part.skip(text if text.startswith(name) else f"{name}: {text}")


def run(bench, part):
    if len(bench.cpus) < 2:
        part.skip("servers: server and client need a processor each, and there is one")
        return
    bench.make_models(("s",))
    servers = Servers(bench, part)
    part.facts["open_rate"] = OPEN_RATE
    rounds = bench.rounds(3)
    broken = {}
    for number in range(rounds):
        part.round = number
        bench.say(f"servers: round {number + 1} of {rounds}")
        servers.round(broken)
    scores = part.facts.get("scores", {})
    for name, score in scores.items():
        if abs(score - scores.get("ours", score)) > 1e-5:
            part.skip(f"{name} answers {score}, ours {scores['ours']}: not the same model")
