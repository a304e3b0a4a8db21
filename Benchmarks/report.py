#!/usr/bin/env python3
"""Runs the measurements on the kernel and under the drop-in, alternately, and writes the tables.

Every figure is the median over the rounds of what semaphore-bench printed, both sides in the same
run on the same machine; the ratio of the medians is what counts, the digits belong to the machine named.
omega-swift-bench adds the Swift API beside the C library, which it measures in one process.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

# name of the figure, arguments of semaphore-bench, words, wanted ratio (issues 3 and 4), part of the
# README table
MEASUREMENTS = [
    ("one", ["one"], "one operation, uncontended", 35, 1),
    ("undo", ["undo"], "one operation with `SEM_UNDO`", 30, 1),
    ("four", ["four"], "four operations in one call", 10, 1),
    ("four-undo", ["four-undo"], "four operations with `SEM_UNDO`", None, 0),
    ("getval", ["getval"], "`GETVAL`", 60, 1),
    ("getall", ["getall"], "`GETALL` of 16", None, 1),
    ("would-block", ["would-block"], "`IPC_NOWAIT` that would block", None, 0),
    ("contend-2", ["contend", "2"], "two processes, one semaphore (lock + unlock)", 10, 1),
    ("contend-4", ["contend", "4"], "four processes, one semaphore (lock + unlock)", None, 0),
    ("disjoint", ["disjoint"], "two processes, different semaphores of one set", 30, 1),
    ("ping-pong", ["ping-pong"], "ping-pong round trip, two processes on two cores", 8, 1),
    ("ping-pong-one-cpu", ["ping-pong-one-cpu"], "ping-pong round trip on one core", None, 0),
    ("sleepers-0", ["sleepers", "0"], "one operation, set of 64, nobody asleep", 30, 0),
    (
        "sleepers-200",
        ["sleepers", "200"],
        "one operation, 200 sleepers elsewhere in the set",
        30,
        1,
    ),
    (
        "sleepers-2000",
        ["sleepers", "2000"],
        "one operation, 2000 sleepers elsewhere in the set",
        30,
        1,
    ),
    ("create", ["create"], "create and remove a set", 0.05, 1),
    ("message-8", ["message", "8"], "send and receive 8 bytes", 12, 1),
    ("message-64", ["message", "64"], "send and receive 64 bytes", 12, 1),
    ("message-1024", ["message", "1024"], "send and receive 1 KiB", 10, 1),
    ("message-8192", ["message", "8192"], "send and receive 8 KiB", 5, 1),
    (
        "message-typed-1000",
        ["message-typed", "1000"],
        "the same with 8 bytes, of a type behind 1,000 other messages",
        25,
        1,
    ),
    ("message-ping-pong", ["message-ping-pong"], "ping-pong of messages, two cores", 8, 1),
    ("message-stream", ["message-stream"], "stream of 64-byte messages, two processes", 5, 1),
    ("attach", ["memory", "attach"], "`shmat` and `shmdt`", 0.7, 1),
    ("attach-touch", ["memory", "attach-touch"], "`shmat`, touch of a page, `shmdt`", None, 0),
    (
        "segment",
        ["memory", "segment"],
        "a segment: create, attach, touch, detach, remove",
        0.5,
        1,
    ),
    ("segment-1m", ["memory", "segment-1m"], "the same with 1 MiB, all of it touched", None, 0),
    (
        "fork-attached",
        ["memory", "fork-attached"],
        "`fork` and end of a child, a segment attached",
        None,
        0,
    ),
    ("shm-stat", ["memory", "shm-stat"], "`IPC_STAT` of a segment", None, 0),
]


# name that omega-swift-bench gives it, words
SWIFT = [
    ("acquire and release", "an acquisition and a release"),
    ("acquire and release with undo", "the same, undone at exit"),
    ("a try that fails", "an acquisition that does not wait and fails"),
    ("value", "a value"),
    ("four up and four down", "four releases and four acquisitions, each in one step"),
    ("a message of 8 bytes", "a message of 8 bytes sent, and received into memory"),
    ("a message of 64 bytes", "the same with 64 bytes"),
    ("a message of 1024 bytes", "the same with 1 KiB"),
    ("a message of 8192 bytes", "the same with 8 KiB"),
    ("a message of 8 bytes as an array", "8 bytes received as an array, which is allocated"),
    ("attach and detach", "memory attached and detached"),
    ("attach, touch and detach", "the same, a byte written"),
]


class Bench:
    def __init__(self, options):
        self.options = options
        self.kernel, self.ours = {}, {}
        # name -> [(nanoseconds through Swift, through C) of each process]
        self.swift = {}

    def run_swift(self, rounds):
        """In several processes: where the linker and the kernel put things matters, too."""
        environment = dict(os.environ)
        for _ in range(rounds):
            directory = tempfile.mkdtemp(prefix="omega-bench.", dir=shm_directory())
            environment["OMEGA_IPC_NAMESPACE"] = directory
            try:
                command = [self.options.swift, self.options.c_library, "--figures"]
                result = subprocess.run(
                    command, env=environment, capture_output=True, text=True, timeout=120
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                print(f"  omega-swift-bench: {error}", file=sys.stderr)
                return
            finally:
                shutil.rmtree(directory, ignore_errors=True)
            if result.returncode != 0:
                print(f"  omega-swift-bench failed: {result.stdout.strip()}", file=sys.stderr)
                return
            for line in result.stdout.splitlines():
                name, swift, c = line.split("\t")
                self.swift.setdefault(name, []).append((float(swift), float(c)))

    def run_side(self, arguments, milliseconds, library):
        environment = dict(os.environ)
        environment.pop("LD_PRELOAD", None)
        directory = None
        if library:
            directory = tempfile.mkdtemp(prefix="omega-bench.", dir=shm_directory())
            environment["LD_PRELOAD"] = library
            environment["OMEGA_IPC_NAMESPACE"] = directory
        command = [self.options.binary, arguments[0], str(milliseconds), *arguments[1:]]
        try:
            result = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=60
            )
        except subprocess.TimeoutExpired:
            side = "drop-in" if library else "kernel"
            print(f"  {' '.join(arguments)} hung on the {side}", file=sys.stderr)
            return {}
        finally:
            if directory:
                shutil.rmtree(directory, ignore_errors=True)
        if result.returncode != 0:
            side = "drop-in" if library else "kernel"
            print(
                f"  {' '.join(arguments)} failed on the {side} ({result.returncode}): "
                f"{result.stderr.strip()}",
                file=sys.stderr,
            )
            return {}
        return {
            name: float(value)
            for name, value in (line.split() for line in result.stdout.splitlines())
        }

    def measure(self, arguments, rounds, milliseconds):
        """Both sides in turn, the order changing with each round."""
        sides = [(self.kernel, None), (self.ours, self.options.library)]
        for number in range(rounds):
            for figures, library in sides if number % 2 == 0 else sides[::-1]:
                if library == "":
                    continue
                for name, value in self.run_side(arguments, milliseconds, library).items():
                    figures.setdefault(name, []).append(value)

    def figure(self, side, name):
        values = side.get(name)
        if not values:
            return None
        return min(values) if name.endswith(".min") else statistics.median(values)


def shm_directory():
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def nanoseconds(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def times(value):
    return "-" if value is None else f"{value:.0f}x" if value >= 10 else f"{value:.2g}x"


def processor():
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def table_rows(bench, readme_only):
    rows = []
    for name, _, words, wanted, in_readme in MEASUREMENTS:
        if readme_only and not in_readme:
            continue
        kernel, ours = bench.figure(bench.kernel, name), bench.figure(bench.ours, name)
        if kernel is None and ours is None:
            continue
        ratio = kernel / ours if kernel and ours else None
        rows.append(
            (
                words,
                nanoseconds(kernel),
                nanoseconds(ours),
                times(ratio),
                "" if wanted is None else f"{wanted:g}x",
            )
        )
    return rows


def swift_rows(bench):
    rows = []
    for name, words in SWIFT:
        pairs = bench.swift.get(name)
        if pairs:
            swift, c = (statistics.median(side) for side in zip(*pairs))
            rows.append((words, nanoseconds(c), nanoseconds(swift), f"{swift / c:.2f}"))
    return rows


def sentences(bench):
    """What does not fit into the table of ratios, kernel against Omega IPC."""

    def both(name):
        return bench.figure(bench.kernel, name), bench.figure(bench.ours, name)

    lines = []

    def add(text, *names):
        values = [value for name in names for value in both(name)]
        if values and all(value is not None for value in values):
            lines.append(text.format(*values))

    add(
        "Two processes on different semaphores take {0:.2f} times (kernel) and {1:.2f} times "
        "(Omega IPC) the time of one alone.",
        "disjoint.multiple",
    )
    add(
        "CPU time of a ping-pong round trip, both processes: {0:,.0f} ns (kernel), {1:,.0f} ns "
        "(Omega IPC).",
        "ping-pong.cpu-ns",
    )
    add("CPU time of a sleeper in one second: {0:.1f} µs (kernel), {1:.1f} µs (Omega IPC).", "idle")
    add(
        "From `SIGKILL` of an undo holder to the return of the sleeper, median / 99 % / longest: "
        "{0:.0f} / {2:.0f} / {4:.0f} µs (kernel), {1:.0f} / {3:.0f} / {5:.0f} µs (Omega IPC).",
        "death",
        "death.p99",
        "death.max",
    )
    plain, preload = (bench.figure(bench.ours, name) for name in ("start-plain", "start-preload"))
    if plain and preload:
        lines.append(
            f"Start and end of `/bin/true`: {plain:.3f} ms plain, {preload:.3f} ms under the "
            f"drop-in ({preload - plain:+.3f} ms)."
        )
    return lines


def markdown(bench, machine):
    lines = [
        f"Measured {machine['date']} on {machine['processor']}, {machine['cpus']} CPUs, "
        f"Linux {machine['kernel']}; median of {machine['rounds']} alternating rounds, "
        "times in ns.",
        "",
        "| | kernel | Omega IPC | ratio | wanted |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in table_rows(bench, readme_only=False)]
    lines.append("")
    lines += [f"- {line}" for line in sentences(bench)]
    swift = swift_rows(bench)
    if swift:
        lines += [
            "",
            "The Swift API beside the C library, in one process; wanted: 1.2 times at most.",
            "",
            "| | C | Swift | Swift / C |",
            "|---|--:|--:|--:|",
        ]
        lines += ["| " + " | ".join(row) + " |" for row in swift]
    return "\n".join(lines) + "\n"


def plain_table(bench):
    rows = [("", "kernel ns", "ours ns", "ratio", "wanted"), *table_rows(bench, readme_only=False)]
    rows = [tuple(cell.replace("`", "") for cell in row) for row in rows]
    width = max(len(row[0]) for row in rows)
    for row in rows:
        print(f"{row[0]:<{width}}  {row[1]:>10}  {row[2]:>10}  {row[3]:>7}  {row[4]:>7}")
    print()
    for line in sentences(bench):
        print(line.replace("`", ""))
    rows = swift_rows(bench)
    if rows:
        print()
        rows = [("The Swift API beside the C library", "C ns", "Swift ns", "Swift/C"), *rows]
        width = max(len(row[0]) for row in rows)
        for row in rows:
            print(f"{row[0]:<{width}}  {row[1]:>10}  {row[2]:>10}  {row[3]:>7}")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", required=True, help="the compiled semaphore-bench")
    parser.add_argument("--library", required=True, help="the drop-in library; empty: kernel only")
    parser.add_argument("--swift", help="omega-swift-bench, if it was built")
    parser.add_argument("--c-library", help="the C library, to compare the Swift API with")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--milliseconds", type=int, default=100, help="of one measurement in a round"
    )
    parser.add_argument(
        "--deaths", type=int, default=150, help="kills in each of up to three rounds"
    )
    parser.add_argument(
        "--only", action="append", default=[], help="only this measurement (repeatable)"
    )
    parser.add_argument("--markdown", help="where to write the table")
    parser.add_argument("--json", help="where to write all figures")
    return parser.parse_args()


def main():
    options = parse_options()
    bench = Bench(options)

    def wanted(name):
        return not options.only or name in options.only

    for name, arguments, *_ in MEASUREMENTS:
        if wanted(name):
            print(f"... {name}", file=sys.stderr, flush=True)
            bench.measure(arguments, options.rounds, options.milliseconds)
    few = min(options.rounds, 3)
    if wanted("idle"):
        bench.measure(["idle"], few, options.milliseconds)
    if wanted("death"):
        print("... death", file=sys.stderr, flush=True)
        bench.measure(["death", str(options.deaths)], few, options.milliseconds)
    if wanted("start") and options.library:
        print("... start", file=sys.stderr, flush=True)
        for name, value in bench.run_side(["start", options.library], 0, None).items():
            bench.ours[name] = [value]
    if wanted("swift") and options.swift:
        print("... swift", file=sys.stderr, flush=True)
        bench.run_swift(options.rounds)

    machine = {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "rounds": options.rounds,
    }
    plain_table(bench)
    # A partial, hasty or one-sided run must not replace the figures that the README quotes.
    complete = not options.only and bool(options.library) and options.rounds >= 3
    if options.markdown and complete:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(markdown(bench, machine))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(
                {
                    "machine": machine,
                    "complete": complete,
                    "kernel": bench.kernel,
                    "ours": bench.ours,
                    "swift": bench.swift,
                },
                file,
                indent=1,
            )
            file.write("\n")


if __name__ == "__main__":
    main()
