import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkVault } from "../../../src/core/check/check.js"
import {
  identityAt,
  noAudit,
  parseSecretName,
  readSecret,
  withVault,
} from "../../../src/core/index.js"
import { acceptOwnerLine, addOwner, joinAsOwner } from "../../../src/core/owner.js"
import { claimedId } from "../../../src/core/vault/open.js"
import { pinOwner } from "../../../src/core/vault/pin.js"
import { findVault } from "../../../src/core/disk/place.js"
import { World } from "../world.js"

const noPassphrase = (): Promise<undefined> => Promise.resolve(undefined)
/** Asks for no passphrase: no key has one. */
export const nobody = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))

/** A person with a home of their own and a clone, who trusts alice and has no key. */
export function anotherPerson(alice: World): World {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-world-"))
  alice.git("clone", "-q", join(alice.folder, "origin.git"), join(folder, "repo"))
  const world = new World(folder, alice.env)
  const { signer } = recordOf(alice).owners[0] ?? { signer: "" }
  pinOwner(findVault(world.top), signer, world.env)
  return world
}

/** vault.json as it is committed. */
export function recordOf(world: World): {
  serial: number
  owners: { signer: string; name: string }[]
} {
  return JSON.parse(world.git("show", "HEAD:.agent-vault/vault.json")) as ReturnType<
    typeof recordOf
  >
}

/** Makes the key of an owner to be where they are; resolves to the line. */
export async function lineOf(world: World, owner: string): Promise<string> {
  const request = { owner, env: world.env, now: new Date(), ask: nobody, choose: noPassphrase }
  return (await joinAsOwner(findVault(world.top), request)).line
}

/** Has a person join, and an owner let them in. */
export async function makeOwner(by: World, world: World, owner: string, dryRun = false) {
  const line = await lineOf(world, owner)
  const joining = acceptOwnerLine(line, claimedId(findVault(by.top)), owner)
  return addOwner({ ...(await by.request()), joining, dryRun })
}

/** What an owner reads. */
export async function readAs(world: World, name: string): Promise<string> {
  const place = findVault(world.top)
  const key = await identityAt(place, { owner: true }, "never", world.env, nobody)
  const terms = { outlet: { surface: "sdk" }, audit: noAudit() } as const
  const work = withVault(place, key.trust, world.env, (vault) =>
    readSecret(vault, key, parseSecretName(name), terms, new Date()),
  )
  return Buffer.from((await work).value).toString("utf8")
}

/** The findings of a check with the key of the world's owner: those of a code, or all but the exposed. */
export async function findingsAt(world: World, only?: string): Promise<string[]> {
  const place = findVault(world.top)
  const key = await identityAt(place, { owner: true }, "never", world.env, nobody)
  const report = await withVault(place, key.trust, world.env, (vault) =>
    checkVault(vault, new Date(), key),
  )
  return report.findings
    .filter(({ code }) => (only === undefined ? code !== "EXPOSED" : code === only))
    .map(({ code, subject }) => `${code} ${subject}`)
}
