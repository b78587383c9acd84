import { resolve } from "node:path"
import {
  type AskPassphrase,
  type Identity,
  type IdentityChoice,
  type OwnerByDefault,
  type Place,
  VaultError,
  claimedId,
  decidingSource,
  findAnchor,
  findVault,
  identityAt,
} from "../../core/index.js"
import type { ChangeRequest, MergeRequest } from "../../core/owner.js"
import type { Door } from "./door.js"
import { readDescriptor } from "../terminal/input.js"
import { noteOnce } from "../terminal/terminal.js"

/** The value of an option; undefined when it was not given. */
export function option(door: Door, name: string): string | undefined {
  const value = door.call.options[name]
  return typeof value === "string" ? value : undefined
}

/** The values of an option that may be given more than once. */
export function options(door: Door, name: string): readonly string[] {
  const value = door.call.options[name]
  return typeof value === "object" ? value : []
}

/** Whether a switch was given. */
export function isSet(door: Door, name: string): boolean {
  return door.call.options[name] === true
}

/** The vault that is meant. */
export function placeOf(door: Door): Place {
  return findVault(resolve(door.cwd, option(door, "dir") ?? "."))
}

/** A path that the user typed, from the folder they are in. */
export function userPath(door: Door, path: string): string {
  return resolve(door.cwd, path)
}

/** Who acts. */
export function identityOf(
  door: Door,
  place: Place,
  ownerByDefault: OwnerByDefault,
): Promise<Identity> {
  return identityAt(place, choiceOf(door), ownerByDefault, door.env, passphraseOf(door))
}

/** Who acts, if anything says so; for commands that need no key. */
export async function identityIfSet(door: Door, place: Place): Promise<Identity | undefined> {
  if (decidingSource(choiceOf(door), door.env) === undefined) return undefined
  return identityOf(door, place, "never")
}

/**
 * Who acts, if anything says so; else the owner of this machine, where nothing but their key file says
 * whom to trust: another machine's copy of it, say. A change that needs no key goes by it as one that does.
 */
export async function identityToTrust(door: Door, place: Place): Promise<Identity | undefined> {
  const set = await identityIfSet(door, place)
  if (set !== undefined) return set
  if (findAnchor(claimedId(place), undefined, door.env) !== undefined) return undefined
  try {
    return await identityOf(door, place, "always")
  } catch (error) {
    if (VaultError.is(error, "KEY_NOT_FOUND")) return undefined
    throw error
  }
}

/** What a change needs: an owner, who may be asked for a passphrase. */
export async function changeRequest(door: Door): Promise<ChangeRequest & { dryRun: boolean }> {
  const place = placeOf(door)
  const identity = await identityOf(door, place, "always")
  const { changeEnded, progress } = await import("../terminal/progress-line.js")
  const { env, now } = door
  const dryRun = isSet(door, "dry-run")
  return {
    place,
    identity,
    env,
    now,
    dryRun,
    onProgress: progress(door.terminal, () => changeEnded(place, dryRun), isSet(door, "json")),
    onNote: noteOnce(door.terminal),
  }
}

/** What a merge needs: whom to trust, and an owner only if something has to be signed. */
export async function mergeRequest(door: Door): Promise<MergeRequest> {
  const place = placeOf(door)
  const identity = await identityToTrust(door, place)
  const { stepsEnded, progress } = await import("../terminal/progress-line.js")
  const { env, now } = door
  return {
    place,
    env,
    now,
    keyFileTrust: identity?.trust,
    owner: () =>
      identity === undefined ? identityOf(door, place, "always") : Promise.resolve(identity),
    dryRun: isSet(door, "dry-run"),
    onProgress: progress(door.terminal, stepsEnded, isSet(door, "json")),
    onNote: noteOnce(door.terminal),
  }
}

function choiceOf(door: Door): IdentityChoice {
  const file = option(door, "identity")
  return {
    identityFile: file === undefined ? undefined : userPath(door, file),
    agent: option(door, "agent"),
    owner: isSet(door, "owner"),
  }
}

/** How the passphrase of a key file is asked for. */
export function passphraseOf(door: Door): AskPassphrase {
  const descriptor = option(door, "passphrase-fd")
  return async (file) => {
    if (descriptor !== undefined) return readDescriptor(descriptor)
    // Loaded when somebody is asked: reading a value must start fast.
    const { askHidden } = await import("../terminal/ask.js")
    const { typedAgain } = await import("../parse/typed-again.js")
    const flag = `from a file, say: ${typedAgain(door.call, "--passphrase-fd 3")} 3< FILE`
    return askHidden(door.terminal, {
      question: `Passphrase of ${file}`,
      what: "a passphrase",
      flag,
    })
  }
}
