"""Over HTTP: processor time a request and latencies, server on one processor, client on another."""
import random

from programs import Failed

OPEN_RATE = 20000  # requests a second: far below what either server can do


def one_core(*options):
    return ("--threads", "1", "--workers", "1", *options)


class Http:
    def __init__(self, bench, part):
        self.bench = bench
        self.part = part
        model = bench.model("s")
        self.rows = model["folder"] / "rows.csv"
        self.answers = []
        # each: name, command, what it is asked
        self.servers = {
            "ceiling": ([bench.program("ceiling"), "{port}"], ("one", "open")),
            "layer": ([bench.program("fixed_reply"), "{port}", "1"], ("one",)),
            "ours": (bench.endpointd("s", *one_core()), ("one", "open", "many", "batch")),
        }
        levels, _ = bench.levels()
        if bench.server_has("--cpu"):
            for level in levels[:-1]:
                self.servers[f"ours-{level}"] = (
                    bench.endpointd("s", *one_core("--cpu", level)), ("one", "batch"))
        else:
            part.skip("over HTTP, lower levels of instructions: endpointd has no --cpu")
        part.facts["levels"] = levels
        part.facts["open_rate"] = OPEN_RATE

    def strtod(self):
        """glibc's strtod over the 1000 rows of the batch requests."""
        def run():
            return self.bench.run_json(
                [self.bench.program("bench_csv"), "--runs", "15", self.rows],
                cpus=[self.bench.server_cpu])[-1]

        result, others = self.bench.measure(run)
        self.part.add(("strtod", "batch"), "us/request",
                      result["strtod_ns"] * result["numbers"] / 1e3, others)

    def check(self, name, server):
        """A row is answered, and by all servers of ours alike."""
        with open(self.rows, "rb") as file:
            row = file.readline()
        status, answer = server.request("POST", "/invocations", row)
        if status != 200 or not answer.strip():
            raise Failed(f"{name}: status {status} for a row")
        if name.startswith("ours"):
            self.answers.append(answer)
            if answer != self.answers[0]:
                raise Failed(f"{name} answers {answer!r}, another of ours {self.answers[0]!r}")

    def cell(self, name, server, what):
        bench = self.bench
        options = {
            "one": ("--connections", 16, "--body", self.rows),
            "many": ("--connections", 1000, "--body", self.rows),
            "batch": ("--connections", 4, "--body", self.rows, "--lines", 1000),
            "open": ("--connections", 16, "--body", self.rows, "--rate", OPEN_RATE, "--spin", 1),
        }[what]
        result, others = bench.measure(
            lambda: server.load(*options, seconds=bench.seconds(2)))
        for figure, unit in (("cpu_us", "us/request"), ("rate", "requests/s"), ("p50_us", "us"),
                             ("p99_us", "us"), ("p999_us", "us"), ("max_us", "us"),
                             ("client_cpus", "processors")):
            self.part.add((name, what, figure), unit, result[figure], others)

    def round(self):
        names = [*self.servers, "strtod"]
        random.shuffle(names)
        for name in names:
            if name == "strtod":
                self.strtod()
                continue
            command, questions = self.servers[name]
            with self.bench.serve(name, command, [self.bench.server_cpu]) as server:
                self.check(name, server)
                for what in questions:
                    self.cell(name, server, what)

    def shared_cpu(self):
        """Client and server on the same processor: no wake-ups between processors in the figure."""
        for name in ("ceiling", "ours"):
            command, _ = self.servers[name]
            with self.bench.serve(name, command, [self.bench.server_cpu]) as server:
                result, others = self.bench.measure(lambda: server.load(
                    "--connections", 16, "--body", self.rows, seconds=self.bench.seconds(1),
                    cpus=[self.bench.server_cpu]))
                self.part.add((name, "same-cpu", "cpu_us"), "us/request", result["cpu_us"], others)


def run(bench, part):
    if len(bench.cpus) < 2:
        part.skip("over HTTP: server and client need a processor each, and there is one")
        return
    bench.make_models(("s",))
    http = Http(bench, part)
    rounds = bench.rounds(5)
    for number in range(rounds):
        part.round = number
        bench.say(f"http: round {number + 1} of {rounds}")
        http.round()
        http.shared_cpu()
