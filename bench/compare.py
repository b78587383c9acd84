"""CPU time of builds in turn: python3 bench/compare.py ROUNDS NAME=FOLDER [NAME=FOLDER]...

Where others use the machine too, elapsed times say nothing. So this counts the time on a processor,
user and system, of each command with all that it starts, as the system does. A folder is a work tree
with its dist/. The builds and `node -e 0` take turns; a figure is the median, and a ratio or a
difference the median of the pairs. NODE names another Node.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

NODE = os.environ.get("NODE", "node")
VAULT = """
const { makeVault } = await import(process.argv[1])
const { repo, env, keyFiles } = await makeVault({ secrets: 100, agents: 20 })
console.log(JSON.stringify({ repo, env, key: keyFiles[0] }))
"""
WARM_UP = 3


def cpu_ms(argv, cwd=None, env=None):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, cwd=cwd, env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def commands(key):
    def run(*chosen):
        return ["run", "--identity", key, *chosen, "--", "/bin/true"]

    def secrets(count):
        return [word for at in range(count) for word in ("-s", f"bulk/s{at:05}")]

    return {
        "get": ["get", "bulk/s00000", "--identity", key],
        "run, 1 secret": run(*secrets(1)),
        "run, 20 secrets": run(*secrets(20)),
        "run, a group of 100": run("-g", "bulk"),
        "guard, nothing staged": ["guard"],
        "list": ["list", "--identity", key],
        "--version": ["--version"],
    }


def main():
    rounds = int(sys.argv[1])
    builds = {name: Path(folder).resolve() for name, folder in (a.split("=") for a in sys.argv[2:])}
    first, *_ = builds.values()
    bare = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    made = [NODE, "--input-type=module", "-e", VAULT, str(first / "bench/vaults.mjs")]
    vault = json.loads(subprocess.run(made, env=bare, check=True, capture_output=True).stdout)
    for what, words in commands(vault["key"]).items():
        taken = {name: [] for name in ["node", *builds]}
        for at in range(-WARM_UP, rounds):
            times = {"node": cpu_ms([NODE, "-e", "0"], env=bare)}
            for name, folder in builds.items():
                argv = [NODE, folder / "dist/cli/bin.cjs", *words]
                times[name] = cpu_ms(argv, vault["repo"], vault["env"])
            for name, time in times.items():
                taken[name] += [time] if at >= 0 else []
        ratios = {name: median(a / b for a, b in zip(taken[name], taken["node"])) for name in builds}
        cells = [f"{name} {median(taken[name]):.0f} ms, {ratios[name]:.2f} x" for name in builds]
        load = os.getloadavg()[0]
        print(f"{what:22}", " | ".join(cells), f"| node -e 0 {median(taken['node']):.0f} ms, load {load:.0f}")
    subprocess.run(["rm", "-rf", Path(vault["repo"]).parent], check=True)


main()
