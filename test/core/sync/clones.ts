import { join } from "node:path"
import { identityAt } from "../../../src/core/index.js"
import { findVault } from "../../../src/core/disk/place.js"
import type { Choices } from "../../../src/core/merge/merge-vault.js"
import { type Resolved, resolve } from "../../../src/core/merge/resolve.js"
import { type Synced, type SyncRequest, sync } from "../../../src/core/sync/sync.js"
import { type World, outcome } from "../world.js"

const noPassphrase = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))

/** A bare remote with the vault of a world, and two clones of it, whose user is its owner. */
export interface Clones {
  readonly origin: string
  readonly one: World
  readonly two: World
}

/** Gives a world a bare remote, and a second clone. */
export function clonesOf(one: World): Clones {
  const origin = join(one.folder, "origin.git")
  one.git("clone", "-q", "--bare", one.top, origin)
  one.git("remote", "add", "origin", origin)
  one.git("fetch", "-q", "origin")
  one.git("branch", "-q", "--set-upstream-to=origin/main")
  const top = join(one.folder, "another clone")
  one.git("clone", "-q", origin, top)
  return { origin, one, two: one.with({}, top) }
}

/**
 * Two machines of one owner's, copied, with a remote that both know and that has the branches of the
 * first: what one sees from now on, the other has not.
 */
export function twoMachines(first: World, second = first): readonly [one: World, two: World] {
  const [one, two] = [first.copy(), second.copy()]
  const origin = join(one.folder, "origin.git")
  one.git("clone", "-q", "--bare", one.top, origin)
  for (const world of [one, two]) {
    world.git("remote", "add", "origin", origin)
    world.git("fetch", "-q", "origin")
    world.git("branch", "-q", "--set-upstream-to=origin/main")
  }
  return [one, two]
}

/** Copies of machines that share a remote, with one of their own; it lies in the folder of the first. */
export function copiesOf<Machines extends readonly [World, ...World[]]>(
  machines: Machines,
): { [At in keyof Machines]: World } {
  const copies = machines.map((machine) => machine.copy()) as { [At in keyof Machines]: World }
  const origin = join(copies[0].folder, "origin.git")
  for (const copy of copies) copy.git("remote", "set-url", "origin", origin)
  return copies
}

/** Runs `sync` in a clone, as the owner. */
export function syncAt(world: World, options: Partial<SyncRequest> = {}): Promise<Synced> {
  const place = findVault(world.vaultFolder)
  return sync({
    place,
    env: world.env,
    now: new Date(),
    keyFileTrust: undefined,
    owner: () => identityAt(place, {}, "always", world.env, noPassphrase),
    push: true,
    dryRun: false,
    ...options,
  })
}

/** Runs `resolve` in a clone, as the owner. */
export function resolveAt(world: World, choices: Choices): Promise<Resolved> {
  const place = findVault(world.vaultFolder)
  return resolve({
    place,
    env: world.env,
    now: new Date(),
    keyFileTrust: undefined,
    owner: () => identityAt(place, {}, "always", world.env, noPassphrase),
    choices,
    dryRun: false,
  })
}

/** Merges as `git merge` and `resolve` do; hands back what only a person can tell. */
export async function mergeAt(world: World, all?: Choices["all"]): Promise<readonly string[]> {
  world.git("fetch", "-q")
  await outcome(Promise.resolve().then(() => world.git("merge", "-q", "origin/main")))
  const { conflicts } = await resolveAt(world, { named: new Map(), ...(all && { all }) })
  if (conflicts.length > 0) {
    world.git("merge", "--abort")
    return conflicts.map(({ name }) => name)
  }
  world.git("commit", "-qm", "merged")
  return []
}
