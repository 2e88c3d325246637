"""Reading csv text: the request decoder against glibc's strtod over the same text."""


def run(bench, part):
    bench.make_models(("s",))
    levels, missing = bench.levels()
    for level, why in missing.items():
        part.skip(f"level {level}: {why}")
    text = bench.model("s")["folder"] / "rows.csv"
    for number in range(bench.rounds(5)):
        part.round = number
        for level in levels:
            command = [bench.program("csv_strtod"), "--cpu", level, "--runs",
                       "9" if bench.quick else "31", text]
            results, others = bench.measure(
                lambda: bench.run_json(command, cpus=[bench.client_cpu]))
            for result in results:
                name = "rows" if result["text"] == str(text) else result["text"]
                part.add((level, name, "decoder"), "ns/number", result["decoder_ns"], others)
                part.add((level, name, "strtod"), "ns/number", result["strtod_ns"], others)
    part.facts["levels"] = levels
