"""Bodies of 20 MB: memory, how they scale over processors, and who waits beside them."""
from part_http import one_core
from programs import Failed

ALONE_RATE = 1000  # single rows a second
PING_RATE = 250


def memory(bench, part, server, large):
    """Peak memory of a body, over what the server took while idle."""
    status, answer = server.request("POST", "/invocations", large.read_bytes().split(b"\n")[0])
    if status != 200:
        raise Failed(f"status {status} for a row")
    idle = server.status("VmRSS")
    status, answer = server.request("POST", "/invocations", large.read_bytes())
    if status != 200:
        raise Failed(f"status {status} for a body of {large.stat().st_size} bytes")
    part.add(("memory", "idle"), "MB", idle / 1024)
    part.add(("memory", "peak"), "MB", server.status("VmHWM") / 1024)
    part.add(("memory", "response"), "MB", len(answer) / 1e6)
    part.add(("memory", "body"), "MB", large.stat().st_size / 1e6)


def bodies(bench, part, name, server, large, seconds, cpus=None):
    """One body at a time, and two."""
    for connections in (1, 2):
        result, others = bench.measure(lambda: server.load(
            "--connections", connections, "--body", large, "--lines", 0, seconds=seconds,
            cpus=cpus))
        key = (name, f"{connections} at a time")
        part.add((*key, "rate"), "bodies/s", result["rate"], others)
        part.add((*key, "cpu_us"), "us/body", result["cpu_us"], others)


def scaling(bench, part, large, seconds):
    """The same with the server on one processor and on two. The client has those that are left;
    where none is, it is on the server's in both cases, or one processor would do the work of
    two."""
    spare = bench.cpus[2:]
    for name, count in (("one core", 1), ("two cores", 2)):
        cpus = bench.cpus[:count]
        threads = ("--threads", str(count), "--workers", str(count))
        with bench.serve("ours", bench.endpointd("s", *threads), cpus) as server:
            bodies(bench, part, name, server, large, seconds, spare or cpus)
    part.facts["client"] = "on others" if spare else "on the same"


def beside(bench, part, name, server, rows, large, seconds, spin):
    """A client with single rows, alone and beside one that posts large bodies without end."""
    cpus = [bench.client_cpu] if spin else bench.cpus
    common = ("--connections", 4, "--body", rows, "--rate", ALONE_RATE, "--spin", int(spin))
    for what, options in (("alone", ()), ("beside", ("--beside", large))):
        result, others = bench.measure(
            lambda: server.load(*common, *options, seconds=seconds, cpus=cpus))
        for figure in ("p50_us", "p99_us", "p999_us", "max_us"):
            part.add((name, what, figure), "us", result[figure], others)
        if what == "beside":
            part.add((name, what, "bodies"), "MB/s", result["beside_mb_s"], others)


def pings(bench, part, name, server, large, seconds):
    """/ping while every processor scores large bodies."""
    result, others = bench.measure(lambda: server.load(
        "--connections", 2, "--get", "/ping", "--rate", PING_RATE, "--beside", large,
        "--beside-connections", 2 * len(bench.cpus), seconds=seconds, cpus=bench.cpus))
    for figure in ("p50_us", "p99_us", "p999_us", "max_us"):
        part.add((name, "ping", figure), "us", result[figure], others)
    part.add((name, "ping", "server_cpus"), "processors", result["server_cpus"], others)


def run(bench, part):
    bench.make_models(("s",))
    folder = bench.model("s")["folder"]
    rows, large = folder / "rows.csv", folder / "large.csv"
    rounds = bench.rounds(3)
    for number in range(rounds):
        part.round = number
        bench.say(f"large: round {number + 1} of {rounds}")
        with bench.serve("ours", bench.endpointd("s"), bench.cpus) as server:
            memory(bench, part, server, large)
            beside(bench, part, "all", server, rows, large, bench.seconds(4), False)
            pings(bench, part, "all", server, large, bench.seconds(8))
        if len(bench.cpus) < 2:
            part.skip("large bodies, one processor against two: there is one")
            continue
        with bench.serve("ours", bench.endpointd("s", *one_core()), [bench.server_cpu]) as server:
            bodies(bench, part, "one", server, large, bench.seconds(3))
            beside(bench, part, "one", server, rows, large, bench.seconds(4), True)
        scaling(bench, part, large, bench.seconds(3))
    part.facts["rates"] = {"rows": ALONE_RATE, "pings": PING_RATE}
