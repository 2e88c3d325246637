#!/usr/bin/env python3
"""Counts the instructions of the hot paths under callgrind and compares them with the recorded ones.

    instructions.py [--record] [--build DIR]

A path (hot_paths.c) may take 10 % more or less than instructions.json beside this file says, at each
level of instructions that valgrind has: portable and AVX2. More is a change that made it slower; less
is one to be proud of, and to be recorded: --record writes down what is counted now. Counts hold for
a compiler and a C library; with others the step is skipped.

Also that the portable scorer is faster than the same source without its unrolled loops: a compiler
that does not unroll them any more would make it as slow.

The last line is `N passed, N failed, N skipped`.
"""
import argparse
import json
import pathlib
import platform
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RECORDED = HERE / "instructions.json"
SLACK = 0.10
LEVELS = ("baseline", "avx2")
PATHS = ("row", "batch", "head", "print")
NOT_HERE = 77  # the program's exit status where the processor does not have the level
# What the portable scorer gains by its unrolled loops (1.65 and 1.10 measured).
UNROLLED = (("single rows", 1.3), ("blocks", 1.04))

counts = {"passed": 0, "failed": 0, "skipped": 0}


def tell(result, text):
    words = {"passed": "ok", "failed": "not ok", "skipped": "skipped:"}
    counts[result] += 1
    print(words[result], text, flush=True)


def finish():
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    sys.exit(1 if counts["failed"] else 0)


def tools():
    """What counts depend on besides the code."""
    version = subprocess.run(["cc", "-dumpfullversion"], stdout=subprocess.PIPE, text=True, check=False)
    return {"compiler": f"gcc {version.stdout.strip()}", "libc": " ".join(platform.libc_ver())}


def is_release(build):
    run = subprocess.run(["meson", "introspect", "--buildoptions", str(build)],
                         stdout=subprocess.PIPE, text=True, check=True)
    options = {option["name"]: option["value"] for option in json.loads(run.stdout)}
    return options["buildtype"] == "release" and options["b_sanitize"] == "none"


def count(program, level, path):
    """Instructions of a path; None where this processor does not have the level."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         "--toggle-collect=measured", str(program), "--cpu", level, path],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    if run.returncode == NOT_HERE:
        return None
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found or int(found[1]) == 0:
        sys.exit(f"instructions.py: {program.name} {path}: {run.stderr[-2000:]}")
    return int(found[1])


def count_all(program):
    found = {}
    for level in LEVELS:
        for path in PATHS:
            number = count(program, level, path)
            if number is not None:
                found.setdefault(level, {})[path] = number
    return found


def check_counts(program, recorded):
    for level in LEVELS:
        for path in PATHS:
            name = f"instructions: {path}, {level}"
            wanted = recorded.get(level, {}).get(path)
            number = count(program, level, path)
            if number is None or wanted is None:
                why = "this processor does not have it" if number is None else "nothing recorded"
                tell("skipped", f"{name}: {why}")
                continue
            change = number / wanted - 1
            hint = "" if abs(change) <= SLACK else " (if that is meant: instructions.py --record)"
            tell("passed" if abs(change) <= SLACK else "failed",
                 f"{name}: {number}, {100 * change:+.1f} % of what is recorded{hint}")


def check_unrolled(program):
    """The best of three: another process can make a run worse or better for either side."""
    best = [0.0] * len(UNROLLED)
    for _ in range(3):
        run = subprocess.run([str(program), "--cpu", "baseline", "ratio"], stdout=subprocess.PIPE,
                             text=True, check=True)
        best = list(map(max, best, map(float, run.stdout.split())))
    for (rows, least), ratio in zip(UNROLLED, best):
        tell("passed" if ratio >= least else "failed",
             f"unrolled, {rows}: {ratio:.2f} times faster than loops as they are written, "
             f"at least {least} wanted")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        tell("skipped", "instructions: valgrind is not installed")
        finish()
    if not is_release(options.build):
        tell("skipped", f"instructions: {options.build} is not a release build")
        finish()
    subprocess.run(["ninja", "-C", str(options.build), "tests/instructions/hot_paths"],
                   stdout=subprocess.DEVNULL, check=True)
    program = options.build / "tests" / "instructions" / "hot_paths"
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    if options.record:
        recorded = {"counts": {}, **recorded, **tools()}
        recorded["counts"][platform.machine()] = count_all(program)
        RECORDED.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")
        print(f"recorded in {RECORDED.relative_to(ROOT)}")
        return
    if platform.machine() in recorded.get("counts", {}) and tools().items() <= recorded.items():
        check_counts(program, recorded["counts"][platform.machine()])
    else:
        tell("skipped", f"instructions: recorded with {recorded.get('compiler')}, "
             f"{recorded.get('libc')}; here {tools()['compiler']}, {tools()['libc']}")
    check_unrolled(program)
    finish()


if __name__ == "__main__":
    main()
