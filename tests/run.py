#!/usr/bin/python3
"""Builds and runs every test; the last line is `N passed, N failed, N skipped`.

  lint                     rules that no compiler checks
  build/                   release: unit tests, fuzz corpora, then the black-box suites
  build-asan/              the same tests under the address and undefined-behaviour sanitizers
  build-tsan/              the threaded tests under the thread sanitizer
  valgrind                 unit tests of the release build
  instructions             instructions of the hot paths, against the recorded numbers
  build-fuzz/              each libFuzzer target over its corpus, then a few seconds on its own
  build-aarch64/           a cross build, emulated: unit tests, fuzz corpora, the golden suites; with
                           AARCH64_TESTS=all what is left of the tests too

`run.py STEP...` runs some of them: lint, unit, http, asan, tsan, valgrind, instructions, fuzz,
aarch64.
"""
import concurrent.futures
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

root = pathlib.Path(__file__).resolve().parent.parent
counts = {"passed": 0, "failed": 0, "skipped": 0}
started = time.monotonic()


def say(text):
    print(f"== [{time.monotonic() - started:4.0f} s] {text}", flush=True)


def count(passed=0, failed=0, skipped=0):
    counts["passed"] += passed
    counts["failed"] += failed
    counts["skipped"] += skipped


def build(name, *options):
    """A build directory, compiled; None where that failed."""
    directory = root / name
    if not (directory / "build.ninja").exists():
        command = ["meson", "setup", str(directory), *options]
        if subprocess.run(command, cwd=root).returncode:
            count(failed=1)
            return None
    if subprocess.run(
        ["ninja", "-C", str(directory)], cwd=root, stdout=subprocess.DEVNULL
    ).returncode:
        subprocess.run(["ninja", "-C", str(directory)], cwd=root)
        say(f"{name} does not compile")
        count(failed=1)
        return None
    return directory


def count_test(test, name):
    """Adds one meson test: its TAP lines where it has them, else its result."""
    output = test.get("stdout", "")
    points = re.findall(r"^(ok|not ok) \d+(.*)$", output, re.M)
    result = test["result"]
    failed = 0
    for status, rest in points:
        if "# SKIP" in rest:  # cmocka writes "not ok N # SKIP name"
            count(skipped=1)
            print(f"skipped: {name}{rest}")
        else:
            count(passed=status == "ok", failed=status != "ok")
            failed += status != "ok"
    if result == "SKIP" and not points:
        count(skipped=1)
        print(f"skipped: {name}: {output.strip()[:200]}")
    elif result == "OK" and not points:
        count(passed=1)
    elif result not in ("OK", "SKIP"):
        count(failed=not failed)  # it ended badly in another way than by a failed point
        print(f"FAILED: {name} ({result})\n{output}\n{test.get('stderr', '')}")


def meson_test(directory, *options, env=None):
    log = directory / "meson-logs" / "testlog.json"
    for old in (directory / "meson-logs").glob("testlog*.json"):
        old.unlink()
    subprocess.run(
        ["meson", "test", "-C", str(directory), "--no-rebuild", "--num-processes", "2", *options],
        cwd=root,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )
    logs = list((directory / "meson-logs").glob("testlog*.json"))
    if not logs:
        say(f"no test ran in {directory.name} {options}")
        count(failed=1)
        return
    for line in logs[0].read_text().splitlines():
        test = json.loads(line)
        count_test(test, f"{directory.name} {test['name']}")
    del log


def start_pytest(program, *paths, env=None):
    """Black-box suites against one program; for count_pytest()."""
    return subprocess.Popen(
        ["/usr/bin/python3", "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", *paths],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ENDPOINTD": str(program), **(env or {})},
    )


def count_pytest(process):
    output, _ = process.communicate()
    print(output[-20000:])
    found = {
        word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped|error)", output)
    }
    count(
        found.get("passed", 0),
        found.get("failed", 0) + found.get("error", 0),
        found.get("skipped", 0),
    )
    if process.returncode not in (0, 1) or (
        process.returncode == 1 and not found.get("failed", 0) + found.get("error", 0)
    ):
        count(failed=1)


def pytest(program, *paths, env=None):
    count_pytest(start_pytest(program, *paths, env=env))


sanitizers = {
    "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1:handle_abort=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={root}/tests/setups/lsan.supp:print_suppressions=0",
    "TSAN_OPTIONS": "halt_on_error=1",
}


def step_lint():
    result = subprocess.run([sys.executable, "tests/lint"], cwd=root)
    count(passed=result.returncode == 0, failed=result.returncode != 0)


def step_unit():
    directory = build("build")
    if directory:
        meson_test(directory)


def step_http():
    directory = build("build")
    if directory:
        pytest(directory / "endpointd", "tests/http", "tests/golden")


def step_asan():
    directory = build("build-asan", "--native-file", "tests/setups/asan.ini")
    if directory:
        meson_test(directory, "--timeout-multiplier", "5", env=sanitizers)
        pytest(
            directory / "endpointd",
            "tests/http",
            "tests/golden",
            env={**sanitizers, "ENDPOINTD_SLOW": "1"},
        )


def step_tsan():
    directory = build("build-tsan", "--native-file", "tests/setups/tsan.ini")
    if directory:
        meson_test(directory, "--timeout-multiplier", "5", "http_server", "workers", env=sanitizers)
        pytest(directory / "endpointd", "tests/http", env={**sanitizers, "ENDPOINTD_SLOW": "1"})


def step_valgrind():
    directory = build("build")
    if directory:
        # http_server measures deadlines and takes descriptors away; number_parse checks with long
        # double, which the simulated processor has with 64 bits only
        left_out = ("test_http_server", "test_number_parse")
        names = [
            path.stem[len("test_") :]
            for path in sorted((root / "tests" / "unit").glob("test_*.c"))
            if path.stem not in left_out
        ]
        meson_test(directory, "--setup", "valgrind", *names)


def step_instructions():
    directory = build("build")
    if not directory:
        return
    result = subprocess.run(
        [sys.executable, "tests/instructions/instructions.py", "--build", str(directory)],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
    )
    print(result.stdout, end="")
    found = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", result.stdout, re.M)
    count(*map(int, found.groups()) if found else (0, 1, 0))


def run_fuzz_target(directory, target):
    """Over its corpus, then a few seconds on its own; what failed, and what it said."""
    seconds = os.environ.get("FUZZ_SECONDS", "5")
    corpus = directory / "tests" / "fuzz" / "corpus" / target.name[len("fuzz_") :]
    found = directory / "found" / target.name
    found.mkdir(parents=True, exist_ok=True)
    failures = []
    for limit in ("-runs=0", f"-max_total_time={seconds}"):
        result = subprocess.run(
            [
                str(target),
                limit,
                "-max_len=65536",
                "-rss_limit_mb=2048",
                "-timeout=20",
                str(found),
                str(corpus),
            ],
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **sanitizers},
        )
        if result.returncode:
            failures.append(f"{target.name} {limit}\n{result.stdout[-6000:]}")
    return failures


def step_fuzz():
    if not shutil.which("clang-14"):
        print("skipped: libFuzzer targets: clang-14 is not installed")
        count(skipped=1)
        return
    directory = build("build-fuzz", "--native-file", "tests/setups/fuzz.ini")
    if not directory:
        return
    subprocess.run(
        ["ninja", "-C", str(directory), "tests/fuzz/corpus.stamp"],
        cwd=root,
        stdout=subprocess.DEVNULL,
    )
    targets = [
        target
        for target in sorted((directory / "tests" / "fuzz").glob("fuzz_*"))
        if target.is_file() and os.access(target, os.X_OK)
    ]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for failures in pool.map(lambda target: run_fuzz_target(directory, target), targets):
            count(passed=2 - len(failures), failed=len(failures))
            for failure in failures:
                print(f"FAILED: {failure}")


def skip_aarch64(why):
    print(f"skipped: aarch64: {why}")
    count(skipped=1)


def step_aarch64():
    if platform.machine() == "aarch64":
        skip_aarch64("this machine is one, so the other steps are this one")
        return
    result = subprocess.run(
        ["sh", "docker/setup.sh", "deps", "aarch64"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        print(result.stdout[-2000:])
        skip_aarch64("the packages for a cross build cannot be had")
        return
    cross_files = ("build-aarch64/sysroot.ini", "docker/aarch64.ini")
    directory = build("build-aarch64", *(f"--cross-file={name}" for name in cross_files))
    if not directory:
        return
    program = directory / "endpointd-emulated"
    program.write_text(
        "#!/bin/sh\n"
        f'exec qemu-aarch64 -L "{directory}/sysroot" "{directory}/endpointd" "$@"\n'
    )
    program.chmod(0o755)
    everything = os.environ.get("AARCH64_TESTS") == "all"
    paths = ["tests/golden", "tests/http"] if everything else ["tests/golden"]
    left_out = [] if everything else ["--no-suite", "long-sample"]
    black_box = start_pytest(program, *paths, env={"ENDPOINTD_SLOW": "1"})
    meson_test(directory, "--timeout-multiplier", "5", *left_out)
    count_pytest(black_box)


steps = ["lint", "unit", "http", "asan", "tsan", "valgrind", "instructions", "fuzz", "aarch64"]


def main():
    chosen = sys.argv[1:] or steps
    for name in chosen:
        if name not in steps:
            sys.exit(f"run.py: no step {name!r}: choose from {', '.join(steps)}")
    for name in chosen:
        say(name)
        globals()[f"step_{name}"]()
    say("done")
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


if __name__ == "__main__":
    main()
