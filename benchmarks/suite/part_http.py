"""Over HTTP: processor time a request and latencies, server on one processor, client on another."""
import contextlib
import random

from programs import Failed

OPEN_RATE = 20000  # requests a second: far below what either server can do
TURNS = 4  # of single rows in a round
FIGURES = (("cpu_us", "us/request"), ("rate", "requests/s"), ("p50_us", "us"), ("p99_us", "us"),
           ("p999_us", "us"), ("max_us", "us"), ("client_cpus", "processors"))


def one_core(*options):
    return ("--threads", "1", "--workers", "1", *options)


class Http:
    """All servers run at once on one processor; who is not asked costs nothing. So they can take
    turns of half a second, and what slows the machine down for longer falls on all of them."""

    def __init__(self, bench, part):
        self.bench = bench
        self.part = part
        self.rows = bench.model("s")["folder"] / "rows.csv"
        self.commands = {
            "ceiling": [bench.program("ceiling"), "{port}"],
            "layer": [bench.program("fixed_reply"), "{port}", "1"],
            "ours": bench.endpointd("s", *one_core()),
        }
        levels, _ = bench.levels()
        if bench.server_has("--cpu"):
            for level in levels[:-1]:
                self.commands[f"ours-{level}"] = bench.endpointd("s", *one_core("--cpu", level))
        else:
            part.skip("over HTTP, lower levels of instructions: endpointd has no --cpu")
        part.facts["levels"] = levels
        part.facts["open_rate"] = OPEN_RATE

    def strtod(self):
        """glibc's strtod over the 1000 rows of the batch requests."""
        def run():
            return self.bench.run_json(
                [self.bench.program("csv_strtod"), "--runs", "15", self.rows],
                cpus=[self.bench.server_cpu])[-1]

        result, others = self.bench.measure(run)
        self.part.add(("strtod", "batch"), "us/request",
                      result["strtod_ns"] * result["numbers"] / 1e3, others)

    def check(self, servers):
        """All answer a row, and ours alike."""
        with open(self.rows, "rb") as file:
            row = file.readline()
        answers = {}
        for name, server in servers.items():
            status, answers[name] = server.request("POST", "/invocations", row)
            if status != 200 or not answers[name].strip():
                raise Failed(f"{name}: status {status} for a row")
            if name.startswith("ours") and answers[name] != answers["ours"]:
                raise Failed(f"{name} answers {answers[name]!r}, ours {answers['ours']!r}")

    def cell(self, server, what, seconds, *options, cpus=None):
        result, others = self.bench.measure(lambda: server.load(
            "--body", self.rows, *options, seconds=seconds, cpus=cpus))
        for figure, unit in FIGURES:
            self.part.add((server.name, what, figure), unit, result[figure], others)

    def singles(self, servers, number):
        """Single rows on 16 connections, in turns."""
        for turn in range(TURNS):
            self.part.round = number * TURNS + turn
            for server in random.sample(list(servers.values()), len(servers)):
                self.cell(server, "one", self.bench.seconds(0.7), "--connections", 16)

    def batches(self, servers):
        """1000 rows a request, and strtod over the same text."""
        ours = [server for name, server in servers.items() if name.startswith("ours")]
        for server in random.sample([*ours, None], len(ours) + 1):
            if server is None:
                self.strtod()
            else:
                self.cell(server, "batch", self.bench.seconds(1.5), "--connections", 4,
                          "--lines", 1000)

    def others(self, servers):
        """1000 connections; the open loop; client and server on one processor, where there are no
        wake-ups between processors in the figure."""
        bench = self.bench
        self.cell(servers["ours"], "many", bench.seconds(1.5), "--connections", 1000)
        for name in random.sample(["ceiling", "ours"], 2):
            self.cell(servers[name], "open", bench.seconds(2), "--connections", 16, "--rate",
                      OPEN_RATE, "--spin", 1)
            self.cell(servers[name], "same-cpu", bench.seconds(1), "--connections", 16,
                      cpus=[bench.server_cpu])

    def run(self, number):
        with contextlib.ExitStack() as stack:
            servers = {}
            for name, command in self.commands.items():
                servers[name] = stack.enter_context(
                    self.bench.serve(name, command, [self.bench.server_cpu]))
            self.check(servers)
            self.singles(servers, number)
            self.part.round = number * TURNS
            self.batches(servers)
            self.others(servers)


def run(bench, part):
    if len(bench.cpus) < 2:
        part.skip("over HTTP: server and client need a processor each, and there is one")
        return
    bench.make_models(("s",))
    http = Http(bench, part)
    rounds = bench.rounds(5)
    for number in range(rounds):
        bench.say(f"http: round {number + 1} of {rounds}")
        http.run(number)
