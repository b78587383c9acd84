import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { addOwner } from "../../../src/core/owners/add-owner.js"
import { recoverAgent, removeOwner } from "../../../src/core/owner.js"
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
  ownerKeyFile,
  parseSecretName,
  readSecret,
  withVault,
} from "../../../src/core/index.js"
import { acceptOwnerLine } from "../../../src/core/records/join-line.js"
import type { GroupRecord, VaultRecord } from "../../../src/core/records/record.js"
import { changeRotation } from "../../../src/core/rotation/change-rotation.js"
import { joinAsOwner } from "../../../src/core/vault/join.js"
import { pinOwner } from "../../../src/core/vault/pin.js"
import { formatKeyFile } from "../../../src/core/keys/key-files.js"
import { VaultError } from "../../../src/core/words/errors.js"
import { Machine } from "../../cli/machine.js"
import { World, outcome } from "../world.js"
import { resolveAt, syncAt } from "./clones.js"
import { type Model, type Secret, isOfTwoMinds, merged } from "./month-model.js"
import { seeded } from "../../../scripts/seeded.mjs"

/** An owner's machine, what it last had in common with the remote, and what it has now. */
interface Owner {
  readonly name: string
  readonly world: World
  /** The commit that it last had in common with the remote. */
  base: string
  common: Model
  own: Model
}

/** Somebody's machine, and the line by which they ask to become an owner. */
interface Asking {
  readonly world: World
  readonly line: string
}

export const GROUPS = ["db", "mail", "stripe"]
const SECRETS = ["one", "two", "three", "four"]
/** Every name that a secret may ever have. */
export const NAMES = GROUPS.flatMap((group) => SECRETS.map((secret) => `${group}/${secret}`))
/** Far enough that none ends meanwhile. */
const ENDS = ["2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z"]
const FEWEST = 2
const MOST = 6
/** What a program of the test's own puts behind a value that it rotates. */
const TURNS = ["turned", "turned otherwise"]
/** Machines on which an owner changes the vault. */
const MOST_OWNERS = 5

/**
 * A team: alice with two machines, owners who join with one of their own, each with a clone, and a
 * machine where agents read, over one bare remote. What each does is drawn from a seed, and a simple
 * model says what should come of it. Two who make different people owners at once are a conflict, of
 * which one gives up all that they did since. Nobody keeps anything in a stash. An owner who joined
 * cannot merge a group that others sealed without them, until one applied it. When an owner leaves, all
 * sync before and after: what a branch does that does not know of it, `remove-owner.test.ts` tries.
 */
export class Month {
  readonly owners: Owner[]
  readonly reader: World
  /** Every key that an agent ever had, by a name of its own. */
  readonly keys = new Map<string, { readonly agent: string; readonly text: string }>()
  /** The keys of owners who left. */
  readonly left = new Map<string, { readonly agent: string; readonly text: string }>()
  /** What the remote should hold. */
  remote: Model
  readonly #gone: World[] = []
  readonly #draw: () => number
  readonly #origin: string
  /** It rotates a secret: it prints the old value, and a word behind it. */
  readonly #program: string
  /** `FOLDER SECRET ROTATION` */
  readonly #agreed = new Set<string>()
  /** Who asks to become an owner, or was added where nobody else has it yet. */
  readonly #joining = new Map<string, Asking>()
  #count = 0
  #seconds = 0

  /** `template` holds a vault without agents, groups and secrets. */
  constructor(template: World, seed: number) {
    this.#draw = seeded(seed)
    const first = template.copy()
    const origin = join(first.folder, "origin.git")
    this.#origin = origin
    this.#program = join(first.folder, "turn")
    writeFileSync(this.#program, '#!/bin/sh\nprintf "%s, %s" "$(cat)" "$1"\n', { mode: 0o755 })
    first.git("clone", "-q", "--bare", first.top, origin)
    const owners = new Map([["alice", "alice"]])
    const empty = { owners, secrets: new Map(), agents: new Map(), grants: new Set<string>() }
    this.remote = empty
    const second = template.copy()
    this.reader = template.copy()
    for (const world of [first, second, this.reader]) {
      world.git("remote", "add", "origin", origin)
      world.git("fetch", "-q", "origin")
      world.git("branch", "-q", "--set-upstream-to=origin/main")
    }
    this.owners = [first, second].map((world) => {
      const base = world.git("rev-parse", "HEAD")
      return { name: "alice", world, base, common: empty, own: empty }
    })
  }

  remove(): void {
    for (const { world } of [...this.owners, ...this.#joining.values()]) world.remove()
    for (const world of this.#gone) world.remove()
    this.reader.remove()
  }

  /** One thing that somebody does. */
  async step(): Promise<void> {
    const owner = this.#one(this.owners)
    const chance = this.#draw()
    if (chance < 0.19) await this.#set(owner)
    else if (chance < 0.23) await this.#rotate(owner)
    else if (chance < 0.28) await this.#describe(owner)
    else if (chance < 0.32) await this.#removeSecret(owner)
    else if (chance < 0.36) await this.#move(owner)
    else if (chance < 0.47) await this.#grant(owner)
    else if (chance < 0.58) await this.#revoke(owner)
    else if (chance < 0.64) await this.#add(owner)
    else if (chance < 0.69) await this.#rekey(owner)
    else if (chance < 0.72) await this.#remove(owner)
    else if (chance < 0.76) await this.#join(owner)
    else if (chance < 0.775) await this.#leave(owner)
    else if (chance < 0.93) await this.sync(owner)
    else await this.#read()
  }

  /** Everybody syncs, until nobody has anything that another one has not. */
  async end(): Promise<void> {
    await this.#meet()
    await syncAt(this.reader, { owner: noKey })
  }

  /** Whoever synced first has what the others brought after the second round. */
  async #meet(): Promise<void> {
    for (const owner of this.owners) await this.sync(owner)
    for (const owner of this.owners) await this.sync(owner)
  }

  async sync(owner: Owner): Promise<void> {
    const { world, base } = owner
    if (isOfTwoMinds(owner.common, owner.own, this.remote)) return this.#giveUp(owner)
    const revoked = {
      own: this.#revoked(base, world.top, "HEAD"),
      remote: this.#revoked(base, this.#origin, "main"),
    }
    let cause: unknown
    const synced = await outcome(
      syncAt(world).catch((error: unknown) => {
        cause = error
        throw error
      }),
    )
    if (synced === "CONFLICT") {
      await outcome(Promise.resolve().then(() => world.git("merge", "-q", "origin/main")))
      await resolveAt(world, { named: new Map(), all: "theirs" })
      world.git("commit", "-q", "--no-edit")
      await syncAt(world)
    } else if (synced === "NOT_A_READER") return this.#syncOnceOpened(owner)
    else if (typeof synced === "string") throw new Error(`sync: ${synced}`, { cause })
    this.remote = merged(owner.common, owner.own, this.remote, revoked)
    this.#agree(owner)
    await this.#begin()
  }

  /** The remote has a group that this owner cannot open yet: one who can seals it to all, as told. */
  async #syncOnceOpened(owner: Owner): Promise<void> {
    const [opener] = this.owners
    if (opener === undefined || opener === owner) throw new Error("the first owner opens all")
    await this.sync(opener)
    await opener.world.apply()
    await this.sync(opener)
    await this.sync(owner)
  }

  /** Others added an owner meanwhile, as this one did: what is here goes, and is done anew or not. */
  async #giveUp(owner: Owner): Promise<void> {
    const { world } = owner
    const synced = await outcome(syncAt(world))
    if (synced !== "CONFLICT") throw new Error(`owners on both sides: ${JSON.stringify(synced)}`)
    world.git("fetch", "-q", "origin")
    world.git("reset", "-q", "--hard", "origin/main")
    this.#agree(owner)
  }

  #agree(owner: Owner): void {
    owner.base = owner.world.git("rev-parse", "HEAD")
    owner.common = this.remote
    owner.own = this.remote
  }

  /** Who is an owner for all goes on as one, from a clone of their own. */
  async #begin(): Promise<void> {
    for (const [name, { world }] of this.#joining) {
      if (!this.remote.owners.has(name)) continue
      await syncAt(world, { owner: noKey })
      const base = world.git("rev-parse", "HEAD")
      this.owners.push({ name, world, base, common: this.remote, own: this.remote })
      this.#joining.delete(name)
    }
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

  /**
   * Rotates a secret, by a program that is in its record, or is put there first. On a machine where
   * nobody agreed to these words for this name, that is refused first, and then agreed to.
   */
  async #rotate(owner: Owner): Promise<void> {
    const [name, secret] = this.#any([...owner.own.secrets]) ?? []
    if (name === undefined || secret === undefined) return
    let { rotation } = secret
    if (rotation === undefined || this.#draw() < 0.2) {
      rotation = this.#one(TURNS)
      const edit = { do: "put", step: "run", words: [this.#program, rotation] } as const
      await changeRotation({ ...(await this.#request(owner)), name, edit })
    }
    const agreement = `${owner.world.folder} ${name} ${rotation}`
    await this.#runRotate(owner.world, name, this.#agreed.has(agreement))
    this.#agreed.add(agreement)
    const value = { text: `${secret.value.text}, ${rotation}` }
    putSecret(owner, name, { ...secret, value, rotation })
  }

  async #runRotate(world: World, name: string, isAgreed: boolean): Promise<void> {
    const machine = new Machine(world.folder)
    Object.assign(machine.env, world.env)
    const asked = await machine.call(["rotate", name])
    const [, fingerprint = ""] = /--agree (\w+)/.exec(asked.stderr) ?? []
    const ran = isAgreed ? asked : await machine.call(["rotate", name, "--agree", fingerprint])
    const isAsked = asked.code !== 0 && fingerprint !== ""
    if (isAsked === isAgreed || ran.code !== 0) throw new Error(`${asked.stderr}${ran.stderr}`)
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

  /** Somebody asks on their machine to become an owner, unless one does already; and is added. */
  async #join(owner: Owner): Promise<void> {
    const asking = [...this.#joining].find(([name]) => !owner.own.owners.has(name))
    if (asking === undefined && this.owners.length + this.#joining.size >= MOST_OWNERS) return
    const [name, { line }] = asking ?? (await this.#ask())
    const joining = acceptOwnerLine(line, this.#vault(), name)
    await addOwner({ ...(await this.#request(owner)), joining })
    owner.own = { ...owner.own, owners: new Map([...owner.own.owners, [name, owner.name]]) }
  }

  async #ask(): Promise<[name: string, asking: Asking]> {
    const name = `owner-${++this.#count}`
    const world = new World(mkdtempSync(join(tmpdir(), "agent-vault-world-")), this.reader.env)
    this.reader.git("clone", "-q", this.#origin, world.top)
    const place = findVault(world.top)
    pinOwner(place, this.#record().owners[0]?.signer ?? "", world.env)
    const here = { env: world.env, now: new Date(), ask: noKey, choose: noPassphrase }
    const { line } = await joinAsOwner(place, { owner: name, ...here })
    this.#joining.set(name, { world, line })
    return [name, { world, line }]
  }

  /** Another owner than the first one goes; every agent has a new key then, which is in the escrow. */
  async #leave(owner: Owner): Promise<void> {
    const others = this.owners.filter(({ name }) => name !== "alice" && name !== owner.name)
    const leaver = this.#any(others)
    if (leaver === undefined) return
    await this.#meet()
    const { name, world } = leaver
    const { result } = await removeOwner({ ...(await owner.world.request()), owner: name })
    this.owners.splice(this.owners.indexOf(leaver), 1)
    this.#gone.push(world)
    const key = ownerKeyFile(this.#vault(), world.env)
    this.left.set(name, { agent: name, text: readFileSync(key, "utf8") })
    for (const agent of result.agents) {
      this.#keep(owner, agent, await recoveredAt(owner.world, agent))
    }
    const owners = [...owner.own.owners].filter(([each]) => each !== name)
    owner.own = { ...owner.own, owners: new Map(owners) }
    await this.sync(owner)
    await this.#meet()
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

  #record(): VaultRecord {
    return JSON.parse(this.reader.git("show", "HEAD:.agent-vault/vault.json")) as VaultRecord
  }

  #vault(): string {
    return this.#record().vault
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

/** The key of an agent, as an owner brings it out of the escrow. */
async function recoveredAt({ top, env }: World, agent: string): Promise<string> {
  const place = findVault(top)
  const owner = await identityAt(place, { owner: true }, "never", env, noKey)
  const key = await withVault(place, owner.trust, env, (vault) => recoverAgent(vault, agent, owner))
  return formatKeyFile(key, "2026-01-01T00:00:00Z")
}

function putSecret(owner: Owner, name: string, secret: Secret): void {
  owner.own = { ...owner.own, secrets: new Map([...owner.own.secrets, [name, secret]]) }
}

function dropSecret(owner: Owner, name: string): void {
  const secrets = [...owner.own.secrets].filter(([each]) => each !== name)
  owner.own = { ...owner.own, secrets: new Map(secrets) }
}

function noPassphrase(): Promise<undefined> {
  return Promise.resolve(undefined)
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
