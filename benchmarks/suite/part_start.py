"""From exec to the first healthy /ping, and memory at rest, with model S."""
from part_http import one_core
from programs import free_port


def run(bench, part):
    bench.make_models(("s",))
    rows = bench.model("s")["folder"] / "rows.csv"
    port = free_port()
    command = [str(word).replace("{port}", str(port)) for word in bench.endpointd("s")]
    for number in range(bench.rounds(5)):
        part.round = number
        results, others = bench.measure(lambda: bench.run_json(
            [bench.program("start_time"), port, "3", *command], cpus=bench.cpus))
        results.sort(key=lambda result: result["start_ms"])
        part.add(("start",), "ms", results[1]["start_ms"], others)
        part.add(("memory", "started"), "MB", results[1]["rested_kb"] / 1024, others)
        if any(result["exit"] for result in results):
            part.skip(f"SIGTERM: exit status {[result['exit'] for result in results]}")
    for number in range(bench.rounds(3)):
        part.round = number
        with bench.serve("ours", bench.endpointd("s", *one_core()), bench.cpus) as server:
            server.load("--connections", 16, "--body", rows, seconds=bench.seconds(1))
            part.add(("memory", "served"), "MB", server.status("VmRSS") / 1024)
