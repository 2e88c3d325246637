"""The machine that is measured on: what it is, and whether it was doing anything else meanwhile."""
import ctypes.util
import os
import platform
import re
import resource
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
QUIET_CPUS = 0.15  # what others may use, in processors, without a measurement being repeated
FLAGS = ("sse4_2", "avx", "avx2", "bmi2", "avx512f", "avx512bw", "avx512vl", "avx512vbmi",
         "avx512_vbmi2", "asimd", "sve")


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def output(*command):
    """What a program prints, or nothing where there is none."""
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, check=False).stdout.strip()
    except OSError:
        return ""


def describe(root):
    cpuinfo = read("/proc/cpuinfo")
    fields = dict(re.findall(r"^([^\t:]+?)\s*: (.*)$", cpuinfo, re.M))
    flags = fields.get("flags", fields.get("Features", "")).split()
    memory = re.search(r"MemTotal:\s+(\d+)", read("/proc/meminfo"))
    return {
        "processor": fields.get("model name", platform.machine()),
        "family": "family {} model {} stepping {}".format(
            *(fields.get(name, "?") for name in ("cpu family", "model", "stepping"))),
        "architecture": platform.machine(),
        "instructions": [flag for flag in FLAGS if flag in flags],
        "virtual": "hypervisor" in flags,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mb": int(memory[1]) // 1024 if memory else 0,
        "kernel": platform.release(),
        "system": re.findall(r'^PRETTY_NAME="?(.*?)"?$', read("/etc/os-release"), re.M)[-1:],
        "libc": " ".join(platform.libc_ver()),
        "compiler": output("cc", "--version").split("\n")[0],
        "python": platform.python_version(),
        "commit": commit(root),
    }


def commit(root):
    name = output("git", "-C", str(root), "rev-parse", "--short=12", "HEAD")
    # what a run writes itself does not count as a change
    changed = output("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no", "--",
                     ".", ":!benchmarks/results", ":!benchmarks/README.md")
    return name + (" with changes" if name and changed else "")


def debian_xgboost():
    """The library that Debian installs, as dlopen finds it; None where it is not installed."""
    return ctypes.util.find_library("xgboost")


def tree(pid):
    """A process and those it started."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = read(f"/proc/{name}/stat")
            if stat:
                parents[int(name)] = int(stat.rsplit(")", 1)[1].split()[1])
    found = [pid]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found


def tree_cpu_seconds(pid):
    total = 0
    for process in tree(pid):
        try:
            tasks = os.listdir(f"/proc/{process}/task")
        except OSError:
            continue
        for task in tasks:
            words = read(f"/proc/{process}/task/{task}/schedstat").split()
            total += int(words[0]) if words else 0
    return total / 1e9


def tree_memory_mb(pid):
    """Memory of a process and those it started; what they share counts once (PSS)."""
    total = 0
    for process in tree(pid):
        found = re.search(r"^Pss:\s+(\d+)", read(f"/proc/{process}/smaps_rollup"), re.M)
        total += int(found[1]) if found else 0
    return total / 1024


class Watch:
    """Tells how many processors others used since it was made; `servers` are pids of ours."""

    def __init__(self, servers=()):
        self.servers = list(servers)
        self.began = time.monotonic()
        self.start = self._others()

    def _others(self):
        fields = [int(word) for word in read("/proc/stat").split("\n")[0].split()[1:9]]
        user, nice, system, _idle, _wait, irq, softirq, steal = fields
        machine = (user + nice + system + irq + softirq + steal) / TICK
        ours = sum(tree_cpu_seconds(pid) for pid in self.servers)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            usage = resource.getrusage(who)
            ours += usage.ru_utime + usage.ru_stime
        return machine - ours

    def others(self):
        elapsed = max(time.monotonic() - self.began, 1e-3)
        return max((self._others() - self.start) / elapsed, 0.0)


class Patience:
    """Repeats what was measured while others used the machine, as long as there is time for it."""

    def __init__(self, seconds):
        self.left = seconds
        self.worst = 0.0
        self.repeated = 0
        self.disturbed = 0

    def wait(self, servers=()):
        """Until the machine is quiet: at most three seconds at a time."""
        began = time.monotonic()
        while self.left > 0 and time.monotonic() - began < 3:
            watch = Watch(servers)
            time.sleep(0.1)
            if watch.others() <= 2 * QUIET_CPUS:  # short: a tick is a tenth of it
                break
        self.left -= max(time.monotonic() - began - 0.1, 0)

    def measure(self, run, servers=()):
        """run() and what others used meanwhile: the quietest of up to three tries."""
        best = None
        for _ in range(3):
            self.wait(servers)
            began = time.monotonic()
            watch = Watch(servers)
            result = run()
            others = watch.others()
            if best is None or others < best[1]:
                best = (result, others)
            if others <= QUIET_CPUS or self.left <= 0:
                break
            self.left -= time.monotonic() - began
            self.repeated += 1
        self.worst = max(self.worst, best[1])
        self.disturbed += best[1] > QUIET_CPUS
        return best
