#!/usr/bin/env python3
"""Measures, and compares with peers: what `sh benchmarks/run.sh` runs (its --help has the usage)."""
import argparse
import http.client
import importlib
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machine  # noqa: E402
import measurements  # noqa: E402
import report  # noqa: E402
from programs import Bench, Failed  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def arguments():
    parser = argparse.ArgumentParser(prog="run.sh", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--peers", type=pathlib.Path)
    parser.add_argument("parts", nargs="*")
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.peers = (options.peers or options.build / "peers").resolve()
    for name in options.parts:
        if name not in (*measurements.PARTS, "report"):
            sys.exit(f"run.sh: no part {name!r}: choose from "
                     f"{', '.join(measurements.PARTS)}, report, peers")
    return options


def measure_part(bench, name):
    """A part's figures; what fails is told among what could not be measured."""
    part = measurements.Measurements(name)
    began = time.monotonic()
    patience = bench.patience
    patience.worst, patience.repeated, patience.disturbed = 0.0, 0, 0
    bench.say(f"== {name}")
    try:
        importlib.import_module(f"part_{name}").run(bench, part)
    except (Failed, OSError, http.client.HTTPException) as error:
        part.skip(f"{name}: {error}")
    part.skipped = [line.replace(f"{ROOT}/", "") for line in part.skipped]
    for line in part.skipped:
        bench.say(f"not measured: {line}")
    if patience.disturbed:
        bench.say(f"{name}: the machine was busy: in {patience.disturbed} measurements others used "
                  f"up to {patience.worst:.2f} processors")
    part.about = {
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "seconds": round(time.monotonic() - began),
        "quick": bench.quick,
        "machine": machine.describe(ROOT),
        "busy": {"worst_others_cpus": round(patience.worst, 3), "repeated": patience.repeated,
                 "disturbed": patience.disturbed},
    }
    return part


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments()
    bench = Bench(ROOT, options.build, options.peers, options.quick)
    results = bench.folder / "quick" if options.quick else ROOT / "benchmarks" / "results"
    wanted = options.parts or list(measurements.PARTS)
    try:
        if wanted != ["report"]:
            bench.compile()
    except Failed as error:
        sys.exit(f"run.sh: {error}")
    for name in wanted:
        if name != "report":
            measurements.save(results, measure_part(bench, name))
    readme = None if options.quick else ROOT / "benchmarks" / "README.md"
    parts = measurements.load(results)
    if not any(part.about for part in parts.values()):
        sys.exit(f"run.sh: nothing is stored in {results}")
    print(report.write(parts, results, readme))


if __name__ == "__main__":
    main()
