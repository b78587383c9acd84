import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect } from "vitest"
import { machineFor, tryFaults } from "../../scripts/faults/harness.mjs"
import type { Machine } from "../../scripts/faults/machine.mjs"
import { OPERATIONS, type Operation } from "../../scripts/faults/operations.mjs"
import type { Fault, Point } from "../../scripts/faults/points.mjs"
import { type Plant, undisturbed } from "../../scripts/faults/trial.mjs"
import { realGit } from "../core/processes.js"
import { lackOfShim, shim, testWithFaults } from "./shim.js"

/** Another sample: AGENT_VAULT_SEED=7. All points: node scripts/faults.mjs. */
const SEED = Number(process.env["AGENT_VAULT_SEED"] ?? 1)

/** What broke, a line for each trial. */
async function broken(request: Omit<Parameters<typeof tryFaults>[0], "shim">): Promise<string[]> {
  const lines: string[] = []
  const figures = await tryFaults({
    shim,
    ...request,
    onTrial: ({ operation, point: { call, place, nth }, fault }, result) => {
      if (result.broken.length === 0) return
      const what = result.broken.map((each) => `${each.promise}: ${each.what}`).join("; ")
      lines.push(`${operation.name}: ${call} ${place} ${nth}, ${fault.name}: ${what}`)
    },
  })
  // Chance decides which objects share a folder, and so whether there is a fifth one; not more.
  for (const { operation, trials, unreached } of figures) {
    expect([operation, unreached <= Math.max(1, trials / 2)]).toEqual([operation, true])
  }
  return lines
}

describe(`a disk that fails, a process that is killed: a sample (seed ${SEED})`, () => {
  testWithFaults("every operation holds", async () => {
    expect(await broken({ seed: SEED, sample: 3 })).toEqual([])
  })

  testWithFaults("the report of a git that a full disk ended does not stay", async () => {
    expect(await broken({ operations: ["resolve"], workers: 1, only: isFullPack })).toEqual([])
  })

  testWithFaults(
    "a lock of a git that was killed within sync or resolve does not stay",
    async () => {
      const operations = ["sync", "resolve"]
      const request = { operations, seed: SEED, sample: 2, workers: 1, only: isKilledWithLock }
      expect(await broken(request)).toEqual([])
    },
  )

  testWithFaults("what a git began of a move forward is taken back", async () => {
    expect(await broken({ operations: ["sync"], workers: 1, only: isHalfMove })).toEqual([])
  })

  testWithFaults(
    "a file that stayed beside a group's mark goes with the next command",
    async () => {
      expect(await broken({ operations: ["revoke"], workers: 1, only: isMarkLeft })).toEqual([])
    },
  )

  testWithFaults("readers all the while see the old state or the new one", async () => {
    const operations = ["set", "revoke", "agent rekey"]
    const request = { operations, seed: SEED + 1, sample: 1, readers: true, workers: 1 }
    expect(await broken(request)).toEqual([])
  })
})

/** The promises that an operation breaks without any fault. */
async function promisesBroken(machine: Machine, operation: Operation, plant: Plant = {}) {
  const found = await undisturbed(machine, operation, "repair", { shim, plant })
  return found.broken.map((each) => each.promise)
}

/** Defects, each with an operation that meets it, and the promise that it breaks. */
const PLANTS: readonly (readonly [name: string, operation: string, promise: string, Plant])[] = [
  ["a lost commit", "set", "the repository is whole", { after: loseCommit }],
  ["an owner's key that clean-up removed", "init", "the key exists", { after: loseKeys }],
  ["an agent's key that was not delivered", "agent add", "the key exists", { after: loseKey }],
  ["a lock that stays", "set", "nothing is left behind", { after: leaveLock }],
  ["a private key in a temporary file", "set", "nothing is left behind", { after: leaveKey }],
  ["a value that nobody reads", "grant", "what was readable is readable", { after: loseValue }],
  ["a git that only says that it moved the branch", "set", "told truthfully", { env: lyingGit }],
]

describe("the harness catches what is planted", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-planted-")))
  const met = OPERATIONS.filter(({ name }) => PLANTS.some(([, operation]) => operation === name))
  let machine: Machine

  beforeAll(async () => {
    if (lackOfShim === undefined) machine = await machineFor(folder, met, shim)
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))

  for (const [name, operation, promise, plant] of PLANTS) {
    testWithFaults(name, async () => {
      const each = met.find(({ name: own }) => own === operation)
      expect(each && (await promisesBroken(machine, each))).toEqual([])
      expect(each && (await promisesBroken(machine, each, plant))).toContain(promise)
    })
  }

  testWithFaults("a branch that moves before its objects are there, by a kill alone", async () => {
    const plant = { env: hastyGit }
    const lines = await broken({ operations: ["set"], workers: 1, only: isLateObject, plant })
    expect(lines).toEqual([expect.stringContaining("git fsck passes")])
  })
})

/** What is in it, `repair` would bring back. */
function loseCommit({ repo }: Machine): void {
  const options = { cwd: repo, encoding: "utf8" } as const
  const commit = execFileSync("git", ["rev-parse", "HEAD"], options).trim()
  rmSync(join(repo, ".git/objects", commit.slice(0, 2), commit.slice(2)))
}

function loseKeys({ keys }: Machine): void {
  rmSync(keys, { recursive: true })
}

function loseKey({ keys }: Machine): void {
  execFileSync("find", [keys, "-name", "bob.key", "-delete"])
}

function leaveLock({ repo }: Machine): void {
  writeFileSync(join(repo, ".git/index.lock"), "")
}

function leaveKey({ keys }: Machine): void {
  writeFileSync(join(keys, ".tmp-0123456789abcdef"), "")
}

function loseValue({ repo }: Machine): void {
  rmSync(join(repo, ".agent-vault/secrets/stripe/api-key.age"))
}

function lyingGit(machine: Machine): NodeJS.ProcessEnv {
  return gitThat(machine, "exit 0")
}

/** All is well in the end, but not at every instant. */
function hastyGit(machine: Machine): NodeJS.ProcessEnv {
  const git = realGit()
  return gitThat(
    machine,
    `for word; do new=$old; old=$word; done
    tree=$(${git} rev-parse "$new^{tree}")
    file=.git/objects/$(echo "$tree" | cut -c1-2)/$(echo "$tree" | cut -c3-)
    ln "$file" "$file.late" && rm -f "$file"
    ${git} "$@"
    code=$?
    ln "$file.late" "$file" && rm -f "$file.late"
    exit $code`,
  )
}

function isLateObject({ place, program }: Point, { name }: Fault): boolean {
  return program === "ln" && place === "repo:.git/objects/##/#" && name === "killed before"
}

function isFullPack({ place, nth }: Point, { name }: Fault): boolean {
  return place.endsWith("/tmp_pack_?") && nth === 5 && name === "ENOSPC once"
}

function isKilledWithLock({ place, program }: Point, { name }: Fault): boolean {
  return program.startsWith("git") && place.endsWith(".lock") && name.includes("killed")
}

/** The temporary file of a mark that has a note cannot be removed. */
function isMarkLeft({ call, place }: Point): boolean {
  return call === "unlink" && place.includes("/groups/") && place.includes("/.tmp-")
}

/** A disk that fails for good between two states of a file, and a file that is there in part. */
function isHalfMove({ call, place }: Point, { name }: Fault): boolean {
  if (place.endsWith("/manifest.yaml")) return call === "open" && name === "EIO from then on"
  return place === "repo:README.md" && name === "torn"
}

/** A PATH with a git that does something else instead of moving a ref. */
function gitThat({ home }: Machine, instead: string): NodeJS.ProcessEnv {
  const bin = join(home, "bin")
  mkdirSync(bin, { recursive: true })
  const script = `#!/bin/sh\ncase " $* " in *" update-ref "*) ${instead};; esac\nexec ${realGit()} "$@"\n`
  writeFileSync(join(bin, "git"), script)
  chmodSync(join(bin, "git"), 0o755)
  return { PATH: `${bin}:${process.env["PATH"] ?? ""}` }
}
