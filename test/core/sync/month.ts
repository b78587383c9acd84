import { readFileSync } from "node:fs"
import { join } from "node:path"
import { rekeyAgent, removeAgent } from "../../../src/core/change/agents.js"
import { changeMetadata } from "../../../src/core/change/change-metadata.js"
import type { ChangeRequest } from "../../../src/core/change/change.js"
import { moveSecret } from "../../../src/core/change/move-secret.js"
import { removeSecrets } from "../../../src/core/change/remove-secrets.js"
import { setSecret } from "../../../src/core/change/set.js"
import { findVault } from "../../../src/core/disk/place.js"
import {
  agentKeyFile,
  identityAt,
  noAudit,
  parseSecretName,
  readSecret,
  withVault,
} from "../../../src/core/index.js"
import type { GroupRecord } from "../../../src/core/records/record.js"
import { formatKeyFile } from "../../../src/core/keys/key-files.js"
import { VaultError } from "../../../src/core/words/errors.js"
import { outcome, type World } from "../world.js"
import { resolveAt, syncAt } from "./clones.js"
import { type Model, type Secret, merged } from "./month-model.js"
import { seeded } from "../../../scripts/seeded.mjs"

/** An owner's machine, what it last had in common with the remote, and what it has now. */
interface Owner {
  readonly world: World
  /** The commit that it last had in common with the remote. */
  base: string
  common: Model
  own: Model
}

export const GROUPS = ["db", "mail", "stripe"]
const SECRETS = ["one", "two", "three", "four"]
/** Every name that a secret may ever have. */
export const NAMES = GROUPS.flatMap((group) => SECRETS.map((secret) => `${group}/${secret}`))
/** Far enough that none ends meanwhile. */
const ENDS = ["2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z"]
const FEWEST = 2
const MOST = 6

/**
 * A team: owners, each with a clone on a machine of their own, and a machine where agents read, over
 * one bare remote. What each does is drawn from a seed, and a simple model says what should come of it.
 */
export class Month {
  readonly owners: readonly Owner[]
  readonly reader: World
  /** Every key that an agent ever had, by a name of its own. */
  readonly keys = new Map<string, { readonly agent: string; readonly text: string }>()
  /** What the remote should hold. */
  remote: Model
  readonly #draw: () => number
  readonly #origin: string
  #count = 0
  #seconds = 0

  /** `template` holds a vault without agents, groups and secrets. */
  constructor(template: World, owners: number, seed: number) {
    this.#draw = seeded(seed)
    const first = template.copy()
    const origin = join(first.folder, "origin.git")
    this.#origin = origin
    first.git("clone", "-q", "--bare", first.top, origin)
    const empty = { secrets: new Map(), agents: new Map(), grants: new Set<string>() }
    this.remote = empty
    const others = Array.from({ length: owners - 1 }, () => template.copy())
    this.reader = template.copy()
    for (const world of [first, ...others, this.reader]) {
      world.git("remote", "add", "origin", origin)
      world.git("fetch", "-q", "origin")
      world.git("branch", "-q", "--set-upstream-to=origin/main")
    }
    this.owners = [first, ...others].map((world) => {
      return { world, base: world.git("rev-parse", "HEAD"), common: empty, own: empty }
    })
  }

  remove(): void {
    for (const { world } of this.owners) world.remove()
    this.reader.remove()
  }

  /** One thing that somebody does. */
  async step(): Promise<void> {
    const owner = this.#one(this.owners)
    const chance = this.#draw()
    if (chance < 0.22) await this.#set(owner)
    else if (chance < 0.28) await this.#describe(owner)
    else if (chance < 0.32) await this.#removeSecret(owner)
    else if (chance < 0.36) await this.#move(owner)
    else if (chance < 0.47) await this.#grant(owner)
    else if (chance < 0.58) await this.#revoke(owner)
    else if (chance < 0.64) await this.#add(owner)
    else if (chance < 0.69) await this.#rekey(owner)
    else if (chance < 0.73) await this.#remove(owner)
    else if (chance < 0.93) await this.sync(owner)
    else await this.#read()
  }

  /** Everybody syncs, until nobody has anything that another one has not. */
  async end(): Promise<void> {
    for (const owner of [...this.owners, ...this.owners]) await this.sync(owner)
    await syncAt(this.reader, { owner: noKey })
  }

  async sync(owner: Owner): Promise<void> {
    const { world, base } = owner
    const revoked = {
      own: this.#revoked(base, world.top, "HEAD"),
      remote: this.#revoked(base, this.#origin, "main"),
    }
    const synced = await outcome(syncAt(world))
    if (synced === "CONFLICT") {
      await outcome(Promise.resolve().then(() => world.git("merge", "-q", "origin/main")))
      await resolveAt(world, { named: new Map(), all: "theirs" })
      world.git("commit", "-q", "--no-edit")
      await syncAt(world)
    } else if (typeof synced === "string") throw new Error(`sync: ${synced}`)
    this.remote = merged(owner.common, owner.own, this.remote, revoked)
    owner.base = world.git("rev-parse", "HEAD")
    owner.common = this.remote
    owner.own = this.remote
  }

  /** The pairs that the records of a branch say were revoked, and those of the base do not: by epoch. */
  #revoked(base: string, repository: string, branch: string): ReadonlySet<string> {
    const since = (commit: string): readonly string[] =>
      GROUPS.flatMap((group) => revokesOf(this.reader, repository, commit, group))
    const known = new Set(since(base))
    return new Set(
      since(branch)
        .filter((each) => !known.has(each))
        .map((each) => each.slice(0, each.lastIndexOf(" "))),
    )
  }

  async #set(owner: Owner): Promise<void> {
    const name = this.#one(NAMES)
    const text = `value ${++this.#count}`
    const value = Buffer.from(text)
    await setSecret({ ...(await this.#request(owner)), name, value, metadata: {} })
    putSecret(owner, name, { ...owner.own.secrets.get(name), value: { text } })
  }

  /** Changes what is known of a secret, and not its value. */
  async #describe(owner: Owner): Promise<void> {
    const [name, secret] = this.#any([...owner.own.secrets]) ?? []
    if (name === undefined || secret === undefined) return
    const field = this.#one(["description", "expires"] as const)
    const text = field === "expires" ? this.#one(ENDS) : `note ${++this.#count}`
    const isCleared = this.#draw() < 0.3
    const metadata = isCleared ? {} : { [field]: text }
    await changeMetadata({ ...(await this.#request(owner)), name, metadata, cleared: [field] })
    putSecret(owner, name, { ...secret, [field]: isCleared ? undefined : text })
  }

  async #removeSecret(owner: Owner): Promise<void> {
    const name = this.#any([...owner.own.secrets.keys()])
    if (name === undefined) return
    await removeSecrets({ ...(await this.#request(owner)), names: [name] })
    dropSecret(owner, name)
  }

  /** Gives a secret a name that nobody has: one value that two move to one name may count as two. */
  async #move(owner: Owner): Promise<void> {
    const models = [this.remote, ...this.owners.map(({ own }) => own)]
    const free = NAMES.filter((name) => !models.some(({ secrets }) => secrets.has(name)))
    const [to, [from, secret] = []] = [this.#any(free), this.#any([...owner.own.secrets])]
    if (to === undefined || from === undefined || secret === undefined) return
    await moveSecret({ ...(await this.#request(owner)), from, to })
    dropSecret(owner, from)
    putSecret(owner, to, secret)
  }

  async #grant(owner: Owner): Promise<void> {
    const groups = [...new Set([...owner.own.secrets.keys()].map(groupIn))]
    const pairs = activeIn(owner.own).flatMap((agent) => groups.map((group) => `${agent} ${group}`))
    const pair = this.#any(pairs.filter((each) => !owner.own.grants.has(each)))
    if (pair === undefined) return
    const [agent = "", group = ""] = pair.split(" ")
    await owner.world.grant(agent, group)
    owner.own = { ...owner.own, grants: new Set([...owner.own.grants, pair]) }
  }

  async #revoke(owner: Owner): Promise<void> {
    const pair = this.#any([...owner.own.grants])
    if (pair === undefined) return
    const [agent = "", group = ""] = pair.split(" ")
    await owner.world.revoke(agent, group)
    const grants = [...owner.own.grants].filter((each) => each !== pair)
    owner.own = { ...owner.own, grants: new Set(grants) }
  }

  async #add(owner: Owner): Promise<void> {
    if (activeIn(owner.own).length >= MOST) return
    const agent = `agent-${++this.#count}`
    await owner.world.addAgent(agent)
    const file = agentKeyFile(this.#vault(), agent, owner.world.env)
    this.#keep(owner, agent, readFileSync(file, "utf8"))
  }

  async #rekey(owner: Owner): Promise<void> {
    const agent = this.#any(activeIn(owner.own))
    if (agent === undefined) return
    const { result } = await rekeyAgent({ ...(await owner.world.request()), agent })
    const { identity = "", recipient, vault, signer: trust } = result
    const text = formatKeyFile({ identity, recipient, vault, agent, trust }, "2026-01-01T00:00:00Z")
    this.#keep(owner, agent, text)
  }

  async #remove(owner: Owner): Promise<void> {
    const active = activeIn(owner.own)
    const agent = this.#any(active)
    if (agent === undefined || active.length <= FEWEST) return
    await removeAgent({ ...(await owner.world.request()), agent })
    owner.own = {
      ...owner.own,
      agents: new Map([...owner.own.agents, [agent, undefined]]),
      grants: new Set([...owner.own.grants].filter((each) => !each.startsWith(`${agent} `))),
    }
  }

  /** An agent's machine brings what is new, and reads as the model says. */
  async #read(): Promise<void> {
    await syncAt(this.reader, { owner: noKey })
    const name = this.#one(NAMES)
    const agent = this.#any(activeIn(this.remote))
    if (agent === undefined) return
    const got = await this.readAs(this.reader, this.remote.agents.get(agent) ?? "", name)
    const wanted = this.wanted(this.remote, this.remote.agents.get(agent) ?? "", name)
    if (got !== wanted) throw new Error(`${agent} got ${got} of ${name}, not ${wanted}`)
  }

  /** What a key should get: the value, or the code of the error. */
  wanted(model: Model, key: string, name: string): string {
    const { agent = "" } = this.keys.get(key) ?? {}
    const isPresent = model.agents.get(agent) === key
    const isGranted = model.grants.has(`${agent} ${groupIn(name)}`)
    const secret = model.secrets.get(name)
    if (secret === undefined) return "SECRET_NOT_FOUND"
    return isPresent && isGranted ? secret.value.text : "NOT_GRANTED"
  }

  /** What a key gets. */
  readAs(world: World, key: string, name: string): Promise<string> {
    const env = { ...world.env, AGENT_VAULT_IDENTITY: this.keys.get(key)?.text ?? "" }
    const place = findVault(world.top)
    const read = async (): Promise<string> => {
      const who = await identityAt(place, {}, "never", env, noKey)
      const { value } = await withVault(place, who.trust, env, (vault) =>
        readSecret(vault, who, parseSecretName(name), UNNOTED, new Date()),
      )
      return Buffer.from(value).toString("utf8")
    }
    return outcome(read())
  }

  /** The second after the one before: two changes within one are not told apart by their times. */
  async #request(owner: Owner): Promise<ChangeRequest> {
    const now = new Date(Date.UTC(2026, 0) + ++this.#seconds * 1000)
    return { ...(await owner.world.request()), now }
  }

  #keep(owner: Owner, agent: string, text: string): void {
    const key = `${agent}, ${++this.#count}`
    this.keys.set(key, { agent, text })
    owner.own = { ...owner.own, agents: new Map([...owner.own.agents, [agent, key]]) }
  }

  #vault(): string {
    const record = this.reader.git("show", "HEAD:.agent-vault/vault.json")
    return (JSON.parse(record) as { vault: string }).vault
  }

  #one<T>(from: readonly T[]): T {
    const found = this.#any(from)
    if (found === undefined) throw new TypeError("nothing to draw from")
    return found
  }

  #any<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.#draw() * from.length)]
  }
}

const UNNOTED = { outlet: { surface: "sdk" }, audit: noAudit() } as const

function noKey(): Promise<never> {
  return Promise.reject(new VaultError("KEY_NOT_FOUND", "no key is here"))
}

function putSecret(owner: Owner, name: string, secret: Secret): void {
  owner.own = { ...owner.own, secrets: new Map([...owner.own.secrets, [name, secret]]) }
}

function dropSecret(owner: Owner, name: string): void {
  const secrets = [...owner.own.secrets].filter(([each]) => each !== name)
  owner.own = { ...owner.own, secrets: new Map(secrets) }
}

export function groupIn(secret: string): string {
  return secret.slice(0, secret.indexOf("/"))
}

function activeIn({ agents }: Model): readonly string[] {
  return [...agents].flatMap(([agent, key]) => (key === undefined ? [] : agent))
}

/** `AGENT GROUP EPOCH` of each revoke that the record of a group names. */
function revokesOf(world: World, repository: string, commit: string, group: string): string[] {
  const listed = world.git("-C", repository, "ls-tree", commit, `.agent-vault/groups/${group}.json`)
  const [, blob] = /^\d+ blob (\w+)/.exec(listed) ?? []
  if (blob === undefined) return []
  const { revoked } = JSON.parse(
    world.git("-C", repository, "cat-file", "blob", blob),
  ) as GroupRecord
  return revoked.map(({ agent, epoch }) => `${agent} ${group} ${epoch}`)
}
