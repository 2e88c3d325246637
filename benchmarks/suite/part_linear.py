"""Linear Learner and its siblings in process, beside plain loops and sgemm; JSON beside jansson."""


def run(bench, part):
    for number in range(bench.rounds(3)):
        part.round = number
        linear(bench, part)
        nearest(bench, part)
        json_bodies(bench, part)


def linear(bench, part):
    command = [bench.program("bench_linear"), "0.03" if bench.quick else "0.1"]
    results, others = bench.measure(
        lambda: bench.run_json(command, cpus=[bench.client_cpu], timeout=300))
    for result in results:
        shape = f"{result['features']} x {result['outputs']}"
        key = (result["algorithm"], shape, str(result["batch"]), side(result))
        part.add(key, "ns/row", result["row_ns"], others)
        if result["algorithm"] == "product":
            part.facts["blas"] = result["scorer"]
        if result["same_bits"] is False:
            part.facts.setdefault("differing", []).append(" ".join(key))
    part.facts["shapes"] = list(dict.fromkeys(
        f"{result['features']} x {result['outputs']}" for result in results))
    part.facts["batches"] = list(dict.fromkeys(str(result["batch"]) for result in results))


def side(result):
    """What is measured: the plain loop, the product alone, or a scorer by its kernel."""
    if result["scorer"] == "plain loop":
        return "loop"
    return "sgemm" if result["algorithm"] == "product" else result["scorer"]


def nearest(bench, part):
    command = [bench.program("bench_nearest"), "--seconds", "0.05" if bench.quick else "0.2"]
    results, others = bench.measure(
        lambda: bench.run_json(command, cpus=[bench.client_cpu], timeout=600))
    for result in results:
        shape = f"{result['points']} x {result['features']}"
        key = (result["algorithm"], shape, str(result["batch"]))
        part.add((*key, "ours"), "ns/row", result["row_ns"], others)
        part.add((*key, "loop"), "ns/row", result["loop_ns"], others)
    part.facts["nearest"] = list(dict.fromkeys(
        (result["algorithm"], f"{result['points']} x {result['features']}") for result in results))


def json_bodies(bench, part):
    command = [bench.program("bench_json_request"), "5" if bench.quick else "21", "--json"]
    results, others = bench.measure(
        lambda: bench.run_json(command, cpus=[bench.client_cpu], timeout=300))
    for result in results:
        for who in ("ours", "jansson", "csv"):
            part.add(("json", result["form"], who), "MB/s", result[f"{who}_mb_s"], others)
        part.add(("json", result["form"], "of csv"), "ratio", result["of_csv"], others)
    part.facts["json"] = [result["form"] for result in results]
