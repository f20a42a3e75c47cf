"""Measure tinygrad_edu side by side with its peers, and write RESULTS.md and cost_per_node.svg.

    pip install '.[bench]'
    python benchmarks/run.py --first-release /path/to/its/python

Every ratio to a peer comes from one process that only it runs in. There the engines take turns; each clears
its own garbage before its turn and pays for collecting during it; the median turn counts, in processor time.
Peers that are not installed are named as skipped. The first release (commit 7339fc0, compiled, in an
environment of its own) takes turns with this one, a process for each turn.
"""

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import tracemalloc
from importlib import metadata
from pathlib import Path

import workloads

import tinygrad_edu
from tinygrad_edu import Value

HERE = Path(__file__).parent
OURS = "tinygrad_edu"
ARRAYS = ["autograd", "mygrad", "torch", "jax", "jax.jit"]

SMALL = {graph: workloads.small_graph(getattr(workloads, graph)) for graph in ("burtorch", "readme")}

# name: (title, workload, our steps and a peer's in a turn, peers, the ratio to reach against the first)
RATIOS = {
    "tiny": ("BurTorch's tiny graph", SMALL["burtorch"], (100_000, 100_000), ["micrograd", *ARRAYS], 22),
    "readme": ("micrograd's README graph", SMALL["readme"], (20_000, 20_000), ["micrograd", *ARRAYS], 30),
    "moons": ("moons step", workloads.moons, (50, 5), ["micrograd"], 200),
    "gpt": ("microgpt step", workloads.gpt, (50, 10), ["plain Python", "tinygrad_edu, without dot"], 15),
    "digits": ("MLP 784-50-10, one sample", workloads.digits, (50, 5), ["micrograd"], 200),
    "three_layer": ("worked example's step", workloads.three_layer, (10_000,) * 2, ["plain Python"], None),
}  # fmt: skip
FIRST_RELEASE = {"tiny": 1.8, "readme": 2, "moons": 3, "digits": 3, "gpt": 2}
"""How many times faster than the first release, compiled, each workload is to be."""

IN_PYTHON = {"tiny": 1.2, "readme": None, "moons": 20, "digits": None}
"""How many times faster than micrograd the engine in Python is to be."""

SIZES = [10**3, 10**4, 10**5, 10**6, 10**7]


def ratio(name, rounds, alone=False):
    """Return the seconds of one step on every engine, and the engines that are not installed."""
    _, workload, (ours, theirs), peers, _ = RATIOS[name]
    peers = [] if alone else peers
    steps, skipped = {}, []
    for engine in [OURS, *peers]:
        try:
            steps[engine] = workload(engine)
        except ImportError:
            skipped.append(engine)
    # Their first step, which warms up, must give the same on all; in later ones the last digits grow apart.
    results = {engine: step() for engine, step in steps.items()}
    for engine, result in results.items():
        assert abs(result - results[OURS]) <= 1e-9 * abs(result), f"{engine} computes {result}: {results}"
    gc.collect()
    gc.freeze()  # so that no engine pays for walking over the model of another
    turns = {engine: [] for engine in steps}
    for _ in range(rounds):
        for engine, step in steps.items():
            count = ours if engine == OURS else theirs // 100 if engine in ARRAYS else theirs
            gc.collect()
            start = time.process_time()
            for _ in range(count):
                step()
            turns[engine].append((time.process_time() - start) / count)
    return {"seconds": {engine: statistics.median(t) for engine, t in turns.items()}, "skipped": skipped}


def memory():
    """Return the bytes of one node of a binary operation, its tuples and numbers included."""
    x, y, kept = Value(2.5), Value(3.5), [None] * 100_000
    tracemalloc.start()
    for i in range(len(kept)):
        kept[i] = x * y
    bytes_used = tracemalloc.get_traced_memory()[0]
    return bytes_used / len(kept)


def cost(sizes):
    """Return the seconds for one node of a graph: to build it, differentiate it and free it."""
    seconds = {}
    for nodes in sizes:
        turns = []
        for _ in range(3 if nodes > 10**6 else 7):
            gc.collect()
            repetitions = max(1, 10**5 // nodes)
            start = time.process_time()
            for _ in range(repetitions):
                workloads.chain(nodes)
            turns.append((time.process_time() - start) / repetitions / nodes)
        seconds[nodes] = statistics.median(turns)
    return seconds


def chains(rounds):
    """Return the seconds of a node in a chain of products, and in one of exp, log, tanh and sigmoid."""
    steps = {"products": workloads.products, "functions": workloads.functions}
    turns = {name: [] for name in steps}
    for _ in range(5 * rounds):
        for name, step in steps.items():
            gc.collect()
            start = time.process_time()
            for _ in range(100):
                step(1000)
            turns[name].append((time.process_time() - start) / 100 / 1000)
    return {name: statistics.median(seconds) for name, seconds in turns.items()}


def part(name, rounds, alone):
    if name in RATIOS:
        return ratio(name, rounds, alone)
    sizes = SIZES if tinygrad_edu.COMPILED else SIZES[:-1]
    return {"memory": memory, "cost": lambda: cost(sizes), "chains": lambda: chains(rounds)}[name]()


def in_a_process_of_its_own(name, rounds, *options, python=sys.executable, **environment):
    command = [python, __file__, "--part", name, "--rounds", str(rounds), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | environment)
    return json.loads(done.stdout)


def duration(seconds):
    unit, factor = ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    return f"{seconds * factor:.3g} {unit}"


def version(distribution):
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def machine():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, CPython {platform.python_version()}"


def first_release_rows(python, rounds):
    for name, wanted in FIRST_RELEASE.items():
        turns = {python: [], sys.executable: []}
        for _ in range(rounds):
            for interpreter, seconds in turns.items():
                path = os.environ.get("PYTHONPATH", "") if interpreter == sys.executable else ""
                measured = in_a_process_of_its_own(name, 1, "--alone", python=interpreter, PYTHONPATH=path)
                seconds.append(measured["seconds"][OURS])
        theirs, ours = map(statistics.median, turns.values())
        times = f"{duration(theirs)} | {duration(ours)} | {theirs / ours:.1f} ×"
        yield f"| {RATIOS[name][0]} | {times} | {wanted} × |"


def ratio_rows(names, rounds, **environment):
    for name in names:
        title, _, _, peers, wanted = RATIOS[name]
        wanted = IN_PYTHON[name] if environment else wanted
        measured = in_a_process_of_its_own(name, rounds, **environment)
        ours = measured["seconds"][OURS]
        for peer in peers:
            if peer in measured["skipped"]:
                yield f"| {title} | {peer} | skipped: not installed | | | |"
            elif peer in measured["seconds"]:
                theirs = measured["seconds"][peer]
                goal = f"{wanted} ×" if wanted and peer == peers[0] else ""
                times = f"{duration(theirs)} | {duration(ours)} | {theirs / ours:.1f} ×"
                yield f"| {title} | {peer} | {times} | {goal} |"


def plot(costs, path):
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "tinygrad_edu"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    for (engine, seconds), style in zip(costs.items(), ["o-", "s--"], strict=False):
        axes.plot([int(n) for n in seconds], [s * 1e9 for s in seconds.values()], style, label=engine)
    axes.set(xscale="log", yscale="log", xlabel="nodes in the graph", ylabel="nanoseconds per node")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def report(rounds, first_release):
    kind = "in C" if tinygrad_edu.COMPILED else "in Python"
    peers = {"micrograd", "autograd", "mygrad", "torch", "jax"}
    versions = [f"{peer} {version(peer)}" for peer in sorted(peers) if version(peer)]
    head = ["| workload | peer | peer | tinygrad_edu | ratio | to reach |", "|---|---|--:|--:|--:|--:|"]
    yield "# Benchmarks\n"
    yield "Written by `python benchmarks/run.py`; do not edit.\n"
    yield f"- {machine()}, load {os.getloadavg()[0]:.1f} at the start"
    yield f"- tinygrad_edu {tinygrad_edu.__version__}, its engine {kind}"
    yield f"- {', '.join(versions)}\n- medians of {rounds} turns, processor time\n"
    if first_release:
        yield "## Against the first release, compiled\n"
        yield "| workload | first release | now | ratio | to reach |\n|---|--:|--:|--:|--:|"
        yield from first_release_rows(first_release, rounds)
        yield ""
    yield f"## Side by side, the engine {kind}\n"
    yield from head
    yield from ratio_rows(RATIOS, rounds)
    yield "\nIn the microgpt step tinygrad_edu uses `dot` for weighted sums, unless it says without.\n"
    if tinygrad_edu.COMPILED:
        yield "## Side by side, the engine in Python\n"
        yield from head
        yield from ratio_rows(IN_PYTHON, rounds, TINYGRAD_EDU_PURE="1")
        yield ""
    engines = {kind: {}}
    if tinygrad_edu.COMPILED:
        engines["in Python"] = {"TINYGRAD_EDU_PURE": "1"}
    yield "## Memory and size\n"
    for engine, environment in engines.items():
        size = in_a_process_of_its_own("memory", 1, **environment)
        yield f"- {size:.0f} bytes for a node of a binary operation, {engine} (in C at most 120)"
    seconds = in_a_process_of_its_own("chains", rounds)
    times = seconds["functions"] / seconds["products"]
    yield f"- a chain of exp, log, tanh and sigmoid: {times:.1f} × one of products (at most 2.5 ×)"
    costs = {
        engine: in_a_process_of_its_own("cost", 1, **environment) for engine, environment in engines.items()
    }
    yield "\nBuilding, differentiating and freeing a graph, nanoseconds per node:\n"
    yield f"| nodes | {' | '.join(costs)} |"
    yield "|--:|" + "--:|" * len(costs)
    for nodes in map(str, SIZES):
        cells = [f"{seconds[nodes] * 1e9:.0f}" if nodes in seconds else "" for seconds in costs.values()]
        yield f"| 10^{len(nodes) - 1} | {' | '.join(cells)} |"
    yield "\n![Cost per node against the size of the graph](cost_per_node.svg)"
    plot(costs, HERE / "cost_per_node.svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each engine has its turn (5)")
    parser.add_argument("--first-release", metavar="PYTHON", help="the interpreter of its environment")
    parser.add_argument("--part", choices=[*RATIOS, "memory", "cost", "chains"], help="measure one part only")
    parser.add_argument("--alone", action="store_true", help="without peers")
    options = parser.parse_args()
    if options.part:
        print(json.dumps(part(options.part, options.rounds, options.alone)))
        return
    lines = []
    for line in report(options.rounds, options.first_release):
        print(line, flush=True)
        lines.append(line)
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
