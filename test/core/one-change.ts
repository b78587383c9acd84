// One change of a vault in a process of its own, for tests that kill it or run many at once:
// `node one-change.cjs BUNDLE FOLDER TOP set NAME VALUE`, with the World in FOLDER.
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process, { argv, env } from "node:process"
import { setTimeout as sleep } from "node:timers/promises"
import { withLock } from "../../src/core/commit/lock.js"
import { claimedId, findVault, ownerKeyFile } from "../../src/core/index.js"
import {
  keyFileBytes,
  keyIn,
  keychainAccount,
  moveFromKeychain,
  moveToKeychain,
  openKeyFile,
  wholeKeyFile,
  writeUnderPassphrase,
} from "../../src/core/owner.js"
import { VaultError } from "../../src/core/words/errors.js"
import { World } from "./world.js"

const [folder = "", top = "", operation = "", first = "", second = ""] = argv.slice(2)
const world = new World(folder, env, top)

const operations: Record<string, () => Promise<unknown>> = {
  init: () => world.init(),
  set: () => world.set(first, second),
  grant: () => world.grant(first, second),
  revoke: () => world.revoke(first, second),
  apply: () => world.apply(),
  repair: () => world.repair(),
  passphrase: () => changePassphrase(first, second),
  "to-keychain": () => toKeychain(),
  "from-keychain": () => fromKeychain(),
  "hold-lock": () => withLock(join(top, ".git"), holdAlone),
}
// What waits for ever ends with Node's code for that.
process.exitCode = 13
void operate().then(() => (process.exitCode = 0))

/** Where many wait for the lock, and slowly, some are told to try again. */
async function operate(): Promise<void> {
  try {
    await operations[operation]?.()
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== "LOCKED") throw error
    await operate()
  }
}

/** From one passphrase of the owner's key to another; the empty one is none. */
async function changePassphrase(from: string, to: string): Promise<void> {
  const file = ownerKeyFile(claimedId(findVault(top)), world.env)
  const opened = await openKeyFile(file, () => Promise.resolve(from))
  await writeUnderPassphrase(opened, to === "" ? undefined : to)
}

function none(): Promise<string> {
  return Promise.resolve("")
}

async function toKeychain(): Promise<void> {
  const vault = claimedId(findVault(top))
  const file = ownerKeyFile(vault, world.env)
  const opened = await openKeyFile(file, none)
  await moveToKeychain(opened, await keyIn(opened.text, file, none), vault, { env })
}

async function fromKeychain(): Promise<void> {
  const file = ownerKeyFile(claimedId(findVault(top)), world.env)
  const lies = keyFileBytes(file)
  const account = keychainAccount(lies) ?? ""
  const opened = { file, lies, text: await wholeKeyFile(file, env), hasPassphrase: false }
  await moveFromKeychain(opened, account, undefined, { env })
}

/** Fails if anybody else is here at the same time. */
async function holdAlone(): Promise<object> {
  const file = join(folder, "inside")
  writeFileSync(file, "", { flag: "wx" })
  await sleep(5)
  rmSync(file)
  return {}
}
