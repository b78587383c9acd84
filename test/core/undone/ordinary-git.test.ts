import { appendFileSync, existsSync } from "node:fs"
import { afterAll, beforeAll, expect, test } from "vitest"
import {
  type Arena,
  type Machine,
  copyArena,
  giveKey,
  makeArena,
  newMachine,
} from "../../attack/arena.js"
import { removeSecrets } from "../../../src/core/change/remove-secrets.js"
import { findVault } from "../../../src/core/index.js"
import { rewind } from "../../../src/core/vault/rewind.js"
import { outcome } from "../world.js"
import { seeded } from "../../../scripts/seeded.mjs"

// Random sequences of ordinary Git, in two clones of one owner over a bare remote. A model knows what
// each clone has seen on each branch, what it made itself, and what the remote ever had. An alarm is
// needed where something lies behind what was seen, and that was published or made elsewhere. Where a
// secret was removed, and that is published or not undone, an alarm may be right as well.

const SEEDS = (process.env["UNDONE_SEEDS"] ?? "1 2").split(" ").map(Number)
const STEPS = Number(process.env["UNDONE_STEPS"] ?? 40)
const SECRETS = ["stripe/api-key", "stripe/webhook"] as const

let stage: Arena

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())

/** A record as it lay somewhere: its blob, and its serial. */
interface Seen {
  readonly blob: string
  readonly serial: number
}

/** One clone, and what the model knows of it. */
class Clone {
  readonly machine: Machine
  readonly start: string
  readonly made = new Set<string>()
  /** By branch and secret. */
  readonly #seen = new Map<string, Seen[]>()

  constructor(machine: Machine, start: string) {
    this.machine = machine
    this.start = start
  }

  git(...args: string[]): string {
    return this.machine.git(...args)
  }

  /** Whether git did it. */
  tries(...args: string[]): boolean {
    try {
      this.git(...args)
      return true
    } catch {
      return false
    }
  }

  /** Back to a commit, unless that is before the vault was as every play begins. */
  reset(to: string): void {
    if (this.tries("merge-base", "--is-ancestor", this.start, to)) {
      this.git("reset", "--quiet", "--hard", to)
    }
  }

  /** Undefined where it was removed. */
  lying(secret: string): Seen | undefined {
    const file = `.agent-vault/secrets/${secret}.json`
    if (!existsSync(this.machine.path(`secrets/${secret}.json`))) return undefined
    const { serial } = this.machine.record(`secrets/${secret}.json`) as { serial: number }
    return { blob: this.git("hash-object", file), serial }
  }

  see(secret: string, seen = this.lying(secret)): void {
    if (seen === undefined) return
    const before = this.#at(secret)
    if (!before.some(({ blob }) => blob === seen.blob)) before.push(seen)
  }

  /** What was seen of a secret here, and stands above or beside what lies there now. */
  above(secret: string): Seen[] {
    const now = this.lying(secret)
    if (now === undefined) return []
    const isAbove = ({ serial, blob }: Seen): boolean =>
      serial > now.serial || (serial === now.serial && blob !== now.blob)
    return this.#at(secret).filter(isAbove)
  }

  /** Whether the history of some refs of a repository removed a secret. */
  removed(secret: string, ...where: readonly string[]): boolean {
    const path = `.agent-vault/secrets/${secret}.json`
    const log = ["log", "--format=%h", "-m", "--full-history", "--diff-filter=D"]
    return this.git(...where.slice(0, -1), ...log, where.at(-1) ?? "HEAD", "--", path) !== ""
  }

  letGo(secret: string, gone: readonly Seen[]): void {
    const seen = this.#at(secret)
    seen.splice(0, seen.length, ...seen.filter((each) => !gone.includes(each)))
  }

  #at(secret: string): Seen[] {
    const key = `${this.git("symbolic-ref", "HEAD")} ${secret}`
    const seen = this.#seen.get(key) ?? []
    this.#seen.set(key, seen)
    return seen
  }
}

class Play {
  readonly arena: Arena
  readonly clones: readonly Clone[]
  readonly published = new Set<string>()
  /** The secrets of which the remote ever had a removal. */
  readonly removed = new Set<string>()
  readonly log: string[] = []
  readonly #random: () => number
  readonly #start: string
  #count = 0

  constructor(arena: Arena, seed: number) {
    this.arena = arena
    this.#start = arena.alice.git("rev-parse", "HEAD")
    const laptop = newMachine(arena, "laptop", arena.alice)
    this.clones = [arena.alice, laptop].map((machine) => new Clone(machine, this.#start))
    this.#random = seeded(seed)
    this.observe()
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T
  }

  /** What the remote has now, it has had from now on. */
  observe(): void {
    const remote = `--git-dir=${this.arena.folder}/origin.git`
    const listing = this.arena.alice.git(remote, "rev-list", "--objects", "--all")
    for (const line of listing.split("\n")) this.published.add(line.split(" ")[0] ?? "")
    const [clone] = this.clones
    for (const secret of SECRETS) {
      if (clone?.removed(secret, remote, "--all") === true) this.removed.add(secret)
    }
  }

  async set(clone: Clone): Promise<void> {
    const secret = this.pick(SECRETS)
    const before = clone.lying(secret)
    const said = await outcome(clone.machine.set(secret, `value ${this.#count++}`))
    if (typeof said === "string") throw new Error(`set: ${said}`)
    clone.see(secret, before)
    clone.see(secret)
    clone.made.add(clone.lying(secret)?.blob ?? "")
  }

  async remove(clone: Clone): Promise<void> {
    const secret = this.pick(SECRETS)
    if (clone.lying(secret) === undefined) return
    const request = { ...(await clone.machine.request()), names: [secret] }
    const said = await outcome(removeSecrets(request))
    if (typeof said === "string") throw new Error(`remove: ${said}`)
  }

  commit(clone: Clone): void {
    appendFileSync(`${clone.machine.top}/notes-${this.#count++}`, "a note\n")
    clone.machine.arrive()
  }

  /** Brings something in, and settles a conflict in one of the ways that people know. */
  merge(clone: Clone, other: string): void {
    if (clone.tries("merge", "--quiet", "--no-edit", other)) return
    const way = this.pick(["--abort", "--ours", "--theirs", "reset"])
    this.log.push(`  ${way}`)
    if (way === "--abort") clone.git("merge", "--abort")
    else if (way === "reset") clone.git("reset", "--quiet", "--hard", other)
    else {
      clone.git("checkout", "--quiet", way, ".")
      clone.machine.arrive()
    }
  }

  rebase(clone: Clone): void {
    if (clone.tries("rebase", "--quiet", "origin/main")) return
    if (this.pick([true, false])) clone.git("rebase", "--abort")
    else while (!clone.tries("rebase", "--skip")) this.log.push("  --skip")
  }

  cherryPick(clone: Clone, commit: string): void {
    if (clone.tries("cherry-pick", commit)) return
    clone.git("cherry-pick", "--abort")
  }

  stash(clone: Clone): void {
    appendFileSync(`${clone.machine.top}/README.md`, "dirty\n")
    clone.git("stash", "--quiet")
    clone.reset("HEAD~1")
    if (!clone.tries("stash", "pop", "--quiet")) clone.git("stash", "drop", "--quiet")
    clone.git("checkout", "--quiet", "--", "README.md")
  }

  branch(clone: Clone): void {
    const name = this.pick(["side", "topic"])
    if (!clone.tries("switch", "--quiet", name)) clone.git("switch", "--quiet", "-c", name)
  }

  worktree(clone: Clone): void {
    const there = `${clone.machine.folder}/tree-${this.#count++}`
    clone.git("worktree", "add", "--quiet", "--detach", there)
    clone.tries("-C", there, "reset", "--quiet", "--hard", "HEAD~1")
    clone.git("worktree", "remove", there)
  }

  push(clone: Clone): void {
    const branch = clone.git("symbolic-ref", "--short", "HEAD")
    const to = this.pick([branch, branch, `${branch}-review`])
    this.log.push(`  ${to}: ${clone.tries("push", "--quiet", "origin", `HEAD:refs/heads/${to}`)}`)
    this.observe()
  }

  /** The remote goes back, deletes, or has somebody put an old state on top. */
  hostile(): void {
    const { mallory, folder } = this.arena
    const remote = `--git-dir=${folder}/origin.git`
    const branch = this.pick(["main", "main", "main-review", "side"])
    const way = this.pick(["back", "delete", "on top"])
    this.log.push(`  ${branch} ${way}`)
    const old = new Clone(mallory, this.#start)
    const tip = `refs/heads/${branch}`
    if (!old.tries(remote, "merge-base", "--is-ancestor", this.#start, `${tip}~2`)) return
    if (way === "delete") old.tries(remote, "update-ref", "-d", tip)
    if (way === "back") old.tries(remote, "update-ref", tip, `${tip}~2`)
    if (way === "on top" && old.tries("fetch", "--quiet", "--prune")) {
      if (!old.tries("checkout", "--quiet", "--detach", `origin/${branch}`)) return
      old.tries("checkout", "--quiet", "HEAD~2", "--", ".agent-vault/secrets")
      mallory.arrive()
      old.tries("push", "--quiet", "origin", `HEAD:${tip}`)
    }
    this.observe()
  }

  /** Reads everything in a clone, as `get` does, and compares the answer with the model's. */
  async look(clone: Clone, isHonest: boolean): Promise<void> {
    for (const secret of SECRETS) {
      if (clone.lying(secret) === undefined) continue
      const said = await clone.machine.tryRead("ci", secret)
      const above = clone.above(secret)
      const held = above.filter(({ blob }) => this.published.has(blob) || !clone.made.has(blob))
      const isAlarm = said === "ROLLED_BACK"
      const told = `${secret}: ${said}\n${this.log.slice(-30).join("\n")}`
      if (held.length > 0) expect(isAlarm, `set back unnoticed: ${told}`).toBe(true)
      else if (isHonest && !this.removed.has(secret) && !clone.removed(secret, "HEAD")) {
        expect(isAlarm, `alarm without need: ${told}`).toBe(false)
      }
      if (isAlarm) this.rewind(clone)
      else expect(said, told).not.toMatch(/^[A-Z_]+$/)
      clone.letGo(secret, above)
      clone.see(secret)
      // What was in the way is gone: now it reads.
      if (isAlarm) expect(await clone.machine.tryRead("ci", secret), told).not.toMatch(/^[A-Z_]+$/)
    }
  }

  rewind({ machine }: Clone): void {
    const [owner] = machine.vaultRecord().owners
    rewind(findVault(machine.top), owner?.signer, machine.env)
  }

  async step(isHonest: boolean): Promise<void> {
    const clone = this.pick(this.clones)
    const moves: Record<string, () => unknown> = {
      set: () => this.set(clone),
      "set again": () => this.set(clone),
      remove: () => this.remove(clone),
      commit: () => this.commit(clone),
      amend: () => clone.git("commit", "--quiet", "--amend", "--no-edit", "--allow-empty"),
      "reset HEAD~1": () => clone.reset("HEAD~1"),
      "reset HEAD~2": () => clone.reset("HEAD~2"),
      "reset origin/main": () => clone.reset("origin/main"),
      "reset ORIG_HEAD": () => clone.reset("ORIG_HEAD"),
      fetch: () => clone.git("fetch", "--quiet", ...(isHonest ? [] : ["--prune"])),
      merge: () => this.merge(clone, "origin/main"),
      "merge side": () => clone.tries("rev-parse", "side") && this.merge(clone, "side"),
      rebase: () => this.rebase(clone),
      "cherry-pick": () => this.cherryPick(clone, this.pick(["origin/main", "main"])),
      stash: () => this.stash(clone),
      branch: () => this.branch(clone),
      main: () => clone.git("switch", "--quiet", "main"),
      worktree: () => this.worktree(clone),
      push: () => this.push(clone),
      "push again": () => this.push(clone),
      ...(isHonest ? {} : { hostile: () => this.hostile() }),
    }
    const move = this.pick(Object.keys(moves))
    this.log.push(`${this.clones.indexOf(clone)} ${move}`)
    if (!clone.tries("rev-parse", "--verify", "--quiet", "origin/main")) return
    await moves[move]?.()
    await this.look(clone, isHonest)
  }
}

async function play(seed: number, isHonest: boolean): Promise<void> {
  const arena = copyArena(stage)
  try {
    const game = new Play(arena, seed)
    for (const clone of game.clones) {
      if (clone.machine !== arena.alice) giveKey(arena.alice, clone.machine, "ci")
      await game.look(clone, isHonest)
    }
    for (let step = 0; step < STEPS; step++) await game.step(isHonest)
  } finally {
    arena.remove()
  }
}

test.each(SEEDS)("with an honest remote nothing alarms without need (seed %i)", (seed) =>
  play(seed, true),
)

test.each(SEEDS)("with a hostile one nothing published is set back unnoticed (seed %i)", (seed) =>
  play(seed, false),
)
