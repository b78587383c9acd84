import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { struck } from "./points.mjs"

/** @typedef {import("./machine.mjs").Machine} Machine */

/**
 * What agents read: per agent, per secret the value, or the code of the refusal.
 *
 * @typedef {Record<string, Record<string, string>>} Reads
 */

/**
 * An operation that must survive.
 *
 * @typedef {object} Operation
 * @property {string} name
 * @property {(machine: Machine) => string[]} args of `agent-vault`
 * @property {(machine: Machine, shim: string) => void | Promise<void>} [prepare] what goes before,
 *   from the vault of {@link makeVault}, or from a repository without one for `init`
 * @property {boolean} [commits] whether it makes a commit; true unless told otherwise
 * @property {Reads} before what is read if it did not happen; the reasons of a refusal, joined by `or`
 * @property {Reads} after what is read if it did
 * @property {string} [delivers] the agent who gets a key file
 * @property {RegExp} done how it says that it is done
 * @property {string} [subject] of the commit that it makes, after `agent-vault: `; else its name
 * @property {(machine: Machine) => string[]} [again] the command that completes it, if it is neither
 *   `repair` nor any change
 * @property {(machine: Machine) => boolean} [isDone] whether it happened; else the history tells
 * @property {(machine: Machine) => void} [finish] what the user does when it is complete
 */

const OLD = { "stripe/api-key": "old", "stripe/webhook": "hook" }
const NONE = { "stripe/api-key": "NOT_GRANTED" }
const DB = { "db/password": "db" }
/** @type {Reads} */
const START = { ci: OLD, deploy: { ...NONE, ...DB } }
const NEW = { ...START, ci: { ...OLD, "stripe/api-key": "new" } }
const GRANTED = { ...START, deploy: { ...OLD, ...DB } }
const REVOKED = { ...START, ci: NONE }
/** The key of an agent that is removed is set aside, in the end. */
const REMOVED = { ...START, ci: { "stripe/api-key": "NOT_GRANTED or KEY_NOT_FOUND" } }
/** Both agents have new keys in escrow, which nobody has brought to this machine yet. */
const CLOSED = { ci: NONE, deploy: { ...NONE, "db/password": "NOT_GRANTED" } }
/** What two clones come to agree on. @type {Reads} */
const BOTH = { ci: { ...OLD, "stripe/api-key": "new", ...DB }, deploy: { ...NONE, ...DB } }
const SET = ["set", "stripe/api-key", "--from-file", "../new"]
const RESOLVE = ["resolve", "stripe/api-key", "--ours"]
const MAIN = "repo:.git/refs/heads/main"

/** The vault that the operations begin with. @param {Machine} machine */
export async function makeVault(machine) {
  machine.begin()
  for (const [file, value] of Object.entries({ old: "old", new: "new", hook: "hook", db: "db" })) {
    writeFileSync(join(machine.home, file), value)
  }
  await machine.do("init", "--name", "alice")
  for (const agent of ["ci", "deploy"]) await machine.do("agent", "add", agent)
  await machine.do("set", "stripe/api-key", "--from-file", "../old")
  await machine.do("set", "stripe/webhook", "--from-file", "../hook")
  await machine.do("set", "db/password", "--from-file", "../db")
  await machine.do("grant", "ci", "stripe")
  await machine.do("grant", "deploy", "db")
}

/** @type {readonly Operation[]} */
export const OPERATIONS = [
  {
    name: "init",
    args: () => ["init", "--name", "alice"],
    prepare: (machine) => machine.begin(),
    before: {},
    after: {},
    done: /is made and committed/,
  },
  { name: "set", args: () => SET, before: START, after: NEW, done: /is stored, version/ },
  {
    name: "grant",
    args: () => ["grant", "deploy", "stripe"],
    before: START,
    after: GRANTED,
    done: /files changed, commit/,
  },
  {
    name: "revoke",
    args: () => ["revoke", "ci", "stripe"],
    before: START,
    after: REVOKED,
    done: /files changed, commit/,
  },
  {
    name: "agent add",
    args: () => ["agent", "add", "bob"],
    before: START,
    after: { ...START, bob: NONE },
    delivers: "bob",
    done: /bob is an agent/,
  },
  {
    name: "agent rekey",
    args: () => ["agent", "rekey", "ci"],
    before: START,
    after: START,
    delivers: "ci",
    done: /ci has a new key/,
  },
  {
    name: "agent recover",
    args: () => ["agent", "recover", "ci"],
    prepare: (machine) => rmSync(keyFile(machine, "ci")),
    commits: false,
    before: START,
    after: START,
    delivers: "ci",
    done: /is out of its escrow/,
  },
  {
    name: "agent remove",
    args: () => ["agent", "remove", "ci"],
    before: START,
    after: REMOVED,
    done: /ci is no longer an agent/,
  },
  {
    name: "owner remove",
    args: () => ["owner", "remove", "bob"],
    prepare: secondOwner,
    before: START,
    after: CLOSED,
    done: /bob is no longer an owner/,
  },
  {
    name: "apply",
    args: ({ home }) => ["apply", "--yes", "--plan", readFileSync(join(home, "plan"), "utf8")],
    prepare: async (machine) => {
      const manifest = join(machine.repo, ".agent-vault/manifest.yaml")
      const line = "grants:\n  - { agent: deploy, group: stripe }\n"
      writeFileSync(manifest, readFileSync(manifest, "utf8").replace("grants:\n", line))
      const { said } = await machine.run(["apply", "--dry-run", "--json"])
      writeFileSync(join(machine.home, "plan"), String(JSON.parse(said).plan.id))
    },
    before: START,
    after: GRANTED,
    done: /files changed, commit/,
  },
  {
    name: "repair",
    args: () => ["repair"],
    prepare: (machine, shim) => killed(machine, shim, "kill-all-after"),
    commits: false,
    before: NEW,
    after: NEW,
    done: /is complete now/,
  },
  {
    name: "repair (discards)",
    args: () => ["repair"],
    prepare: (machine, shim) => killed(machine, shim, "kill-all"),
    commits: false,
    before: START,
    after: START,
    done: /had not happened/,
  },
  {
    name: "sync",
    args: () => ["sync"],
    prepare: (machine) => twoClones(machine, { conflicts: false }),
    before: NEW,
    after: BOTH,
    done: /Merged origin\/main/,
    subject: "merge origin/main",
    again: () => ["sync"],
    // A killed `git fetch` leaves what it was writing, until `git gc`.
    finish: (machine) => machine.git("prune", "--expire=now"),
  },
  {
    name: "resolve",
    args: () => RESOLVE,
    prepare: (machine) => twoClones(machine, { conflicts: true }),
    commits: false,
    before: BOTH,
    after: BOTH,
    done: /Settled: .*staged/,
    again: (machine) => (isSettled(machine) ? ["resolve"] : RESOLVE),
    isDone: isSettled,
    finish: (machine) => machine.git("commit", "--quiet", "--no-edit"),
  },
]

/**
 * Where the key of an agent lies on a machine.
 *
 * @param {Machine} machine
 * @param {string} agent
 */
export function keyFile({ keys }, agent) {
  const home = join(keys, "agent-vault")
  const [vault = ""] = readdirSync(home)
  return join(home, vault, "agents", `${agent}.key`)
}

/**
 * A `set` that is killed, with all that it started, as its branch moves.
 *
 * @param {Machine} machine
 * @param {string} shim
 * @param {string} act
 */
async function killed(machine, shim, act) {
  const point = { call: "rename", place: MAIN, nth: 1 }
  const { signal } = await machine.run(SET, struck(machine, shim, point, { act }))
  if (signal !== "SIGKILL") throw new Error("the set that was to be killed was not")
}

/**
 * A second owner, whose key is not on this machine.
 *
 * @param {Machine} machine
 */
async function secondOwner(machine) {
  const home = join(machine.home, "bob")
  const theirs = { XDG_CONFIG_HOME: home, XDG_STATE_HOME: home }
  const { said } = await machine.run(["join", "bob", "--owner", "--json"], theirs)
  const { line, fingerprint } = JSON.parse(said.slice(said.indexOf("{")))
  rmSync(home, { recursive: true })
  await machine.do("owner", "add", "bob", "--join", line, "--fingerprint", fingerprint)
}

/**
 * A clone that has a commit, and a remote that got another one meanwhile. If they conflict, a plain
 * `git merge` stopped at it.
 *
 * @param {Machine} machine
 * @param {{ conflicts: boolean }} terms
 */
async function twoClones(machine, { conflicts }) {
  const [remote, other] = [join(machine.home, "remote.git"), join(machine.home, "other")]
  machine.git("clone", "--quiet", "--bare", "--template=", ".", remote)
  machine.git("remote", "add", "origin", remote)
  machine.git("fetch", "--quiet")
  machine.git("branch", "--quiet", "--set-upstream-to=origin/main")
  machine.git("clone", "--quiet", "--template=", remote, other)
  // Besides, what is none of the vault's: a file that changes, and one that is new.
  mkdirSync(join(other, "src"))
  for (const file of ["README.md", "src/app"]) writeFileSync(join(other, file), `a new ${file}\n`)
  machine.git("-C", other, "add", ".")
  machine.git("-C", other, "commit", "--quiet", "-m", "others' work")
  await machine.do("grant", "ci", "db", "--dir", other)
  if (conflicts) await machine.do("set", "stripe/api-key", "--from-file", "../hook", "--dir", other)
  machine.git("-C", other, "push", "--quiet")
  rmSync(other, { recursive: true })
  await machine.do(...SET)
  if (!conflicts) return
  machine.git("fetch", "--quiet")
  try {
    machine.git("merge", "--quiet", "origin/main")
  } catch {
    return
  }
  throw new Error("the merge that was to conflict did not")
}

/** @param {Machine} machine */
function isSettled(machine) {
  return machine.git("ls-files", "--unmerged") === ""
}
