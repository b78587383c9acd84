import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { generateIdentity } from "../../../src/core/age/age.js"
import {
  type VaultError,
  agentKeyFile,
  claimedId,
  findVault,
  ownerKeyFile,
} from "../../../src/core/index.js"
import { nameByMaker } from "../../../src/core/disk/maker.js"
import { setKeyFileTrust } from "../../../src/core/keys/key-file-trust.js"
import { readKeyFile } from "../../../src/core/keys/key-files.js"
import {
  keyFileBytes,
  keyIn,
  keychainAccount,
  moveFromKeychain,
  moveToKeychain,
  openKeyFile,
  removeKey,
  requireKeychain,
  wholeKeyFile,
} from "../../../src/core/owner.js"
import { Processes, ended } from "../processes.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { Keychain } from "./keychain.js"

const processes = new Processes()
let world: World
let file: string
let plain: Buffer
let identity: string
let keychain: Keychain
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  await processes.prepare()
})
beforeEach(async () => {
  world = await vaultWorld()
  file = ownerKeyFile(claimedId(findVault(world.top)), world.env)
  plain = readFileSync(file)
  identity = /^AGE-SECRET-KEY-.*$/m.exec(plain.toString())?.[0] ?? ""
  keychain = new Keychain(world.folder)
  env = { ...world.env, PATH: `${keychain.bin}:/usr/bin:/bin`, AGENT_VAULT_X: "ours" }
})
afterEach(() => world.remove())

const PASSPHRASE = "not a real passphrase"
const theirs = (): Promise<string> => Promise.resolve(PASSPHRASE)
const nobody = (): Promise<string> => Promise.reject(new Error("nobody is to be asked"))

async function toKeychain(system?: NodeJS.Platform): Promise<void> {
  const opened = await openKeyFile(file, nobody)
  const key = await keyIn(opened.text, file, nobody)
  await moveToKeychain(opened, key, claimedId(findVault(world.top)), { env, system })
}

async function fromKeychain(passphrase?: string): Promise<readonly unknown[] | undefined> {
  const lies = keyFileBytes(file)
  const account = keychainAccount(lies) ?? ""
  const opened = { file, lies, text: await wholeKeyFile(file, env), hasPassphrase: false }
  return (await moveFromKeychain(opened, account, passphrase, { env })).unfinished
}

const remove = (role: "owner" | "agent") =>
  removeKey(claimedId(findVault(world.top)), undefined, {
    holder: role === "owner" ? { role } : { role, name: "ci" },
    env,
    person: "confirmed",
  })

/** A keychain that does something of its own when it is asked for a key. */
const asked = (lookup: string): string =>
  `case $1 in store) cat > $6 ;; lookup) ${lookup} ;; *) rm -f $5 ;; esac`

/** All that lies in the folder of the key, as text. */
const around = (): string =>
  readdirSync(dirname(file), { withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ name }) => readFileSync(join(dirname(file), name), "latin1"))
    .join("\n")

describe("an owner's key in the keychain", () => {
  test("is moved there and back, and the file stays byte for byte", async () => {
    await toKeychain()
    expect(around()).not.toContain("AGE-SECRET-KEY-")
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(Object.values(keychain.entries)).toEqual([identity])
    expect(await readKeyFile(file, env, nobody)).toMatchObject({ identity, owner: "alice" })
    expect(await fromKeychain()).toBeUndefined()
    expect(readFileSync(file)).toEqual(plain)
    expect(keychain.entries).toEqual({})
    expect(await readKeyFile(file, {}, nobody)).toMatchObject({ identity })
  })

  test("is in no argument or variable of its program, which gets none of our variables", async () => {
    await toKeychain()
    await readKeyFile(file, env, nobody)
    await fromKeychain()
    expect(keychain.log).toContain("PATH=")
    expect(keychain.log).not.toContain("AGE-SECRET-KEY-")
    expect(keychain.log).not.toContain("AGENT_VAULT_")
  })

  test("is given to the program of macOS on its stdin", async () => {
    keychain.speaks("secret-tool", "exit 1")
    const mac = new Keychain(join(world.folder, "mac"), "security")
    env = { ...env, PATH: `${mac.bin}:/usr/bin:/bin` }
    await toKeychain("darwin")
    expect(Object.values(mac.entries)).toEqual([identity])
    expect(mac.log).not.toContain("AGE-SECRET-KEY-")
    expect(around()).not.toContain("AGE-SECRET-KEY-")
  })

  test("comes back under a passphrase, and is never in the clear on the way", async () => {
    await toKeychain()
    await fromKeychain(PASSPHRASE)
    expect(around()).not.toContain("AGE-SECRET-KEY-")
    expect(await readKeyFile(file, env, theirs)).toMatchObject({ identity, hasPassphrase: true })
  })

  test("has its file name another owner to trust", async () => {
    await toKeychain()
    const signer = `ed25519:${"b".repeat(43)}`
    expect(await setKeyFileTrust(file, signer, nobody)).toBe(true)
    expect(await readKeyFile(file, env, nobody)).toMatchObject({ identity, trust: signer })
  })
})

describe("the file stays as it is, and the keychain keeps nothing, if the keychain", () => {
  test.each([
    ["takes no key", "exit 1", ""],
    ["loses it", "cat > /dev/null", ""],
    ["is locked when it is read back", "cat > $6", "exit 1"],
    ["gives something else back", "echo AGE-SECRET-KEY-1NOTREAL > $6", ""],
  ])("%s", async (_how, store, lookup) => {
    const find = lookup === "" ? "cat $5" : lookup
    const script = `case $1 in store) ${store} ;; lookup) ${find} ;; *) rm -f $5 ;; esac`
    keychain.speaks("secret-tool", script)
    expect(await outcome(toKeychain())).toBe("KEYCHAIN_FAILED")
    expect(readFileSync(file)).toEqual(plain)
    expect(keychain.entries).toEqual({})
  })

  test("gives another key back", async () => {
    const other = await generateIdentity("x25519")
    keychain.speaks("secret-tool", `[ $1 != lookup ] || printf ${other}; cat > /dev/null`)
    expect(await outcome(toKeychain())).toBe("KEYCHAIN_FAILED")
    expect(readFileSync(file)).toEqual(plain)
  })

  test("has a program in a repository alone", async () => {
    const bin = join(world.top, "bin")
    mkdirSync(bin)
    keychain.speaks("secret-tool", "exit 1")
    writeFileSync(join(bin, "secret-tool"), "#!/bin/sh\ntouch ran\n", { mode: 0o755 })
    env = { ...env, PATH: `${bin}:bin:/none` }
    expect(await outcome(toKeychain())).toBe("KEYCHAIN_FAILED")
    expect(keychain.log).toBe("")
    expect(existsSync(join(bin, "ran"))).toBe(false)
  })

  test("is asked to take a key that a comment of its file holds too", async () => {
    const twice = `# before: ${identity}\n${plain.toString()}`
    writeFileSync(file, twice)
    expect(await outcome(toKeychain())).toBe("KEY_INVALID")
    expect(readFileSync(file, "utf8")).toBe(twice)
    expect(keychain.log).toBe("")
  })

  test("is asked to take a key whose file names another entry in a comment", async () => {
    writeFileSync(file, `# keychain: other\n${plain.toString()}`)
    expect(await outcome(toKeychain())).toBe("KEY_INVALID")
    expect(keychain.log).toBe("")
  })

  test("is that of Windows, where there is none for it", async () => {
    await expect(toKeychain("win32")).rejects.toThrow("on Windows no keychain")
    expect(() => {
      requireKeychain(file, { env, system: "win32" })
    }).toThrow("on Windows no keychain")
    expect(readFileSync(file)).toEqual(plain)
  })
})

describe("what a file names", () => {
  test("is refused if it is another key, or nothing, or no entry of ours", async () => {
    await toKeychain()
    const [account = ""] = Object.keys(keychain.entries)
    keychain.put(account, await generateIdentity("x25519"))
    expect(await outcome(readKeyFile(file, env, nobody))).toBe("KEY_INVALID")
    keychain.put(account, "")
    expect(await outcome(readKeyFile(file, env, nobody))).toBe("KEYCHAIN_FAILED")
    const before = keychain.log
    for (const named of ["login", "--help", `${"0".repeat(32)}.x`]) {
      writeFileSync(file, `# keychain: ${named}\n`)
      expect(await outcome(readKeyFile(file, env, nobody))).toBe("KEY_INVALID")
    }
    writeFileSync(file, `# agent: ci\n# keychain: ${account}\n`)
    expect(await outcome(readKeyFile(file, env, nobody))).toBe("KEY_INVALID")
    expect(keychain.log).toBe(before)
  })

  test("is a key of the vault that the entry is of, whatever the file says", async () => {
    await toKeychain()
    const id = claimedId(findVault(world.top))
    const [account = ""] = Object.keys(keychain.entries)
    writeFileSync(file, `# keychain: ${account}\n`)
    expect(await readKeyFile(file, env, nobody)).toMatchObject({ identity, vault: id })
    writeFileSync(file, `# vault: ${"0".repeat(32)}\n# keychain: ${account}\n`)
    expect(await outcome(readKeyFile(file, env, nobody))).toBe("KEY_INVALID")
  })

  test("is no key to whoever is given the file alone: a backup, say", async () => {
    await toKeychain()
    expect(await outcome(keyIn(keyFileBytes(file), file, nobody))).toBe("KEY_INVALID")
  })
})

describe("what changes the file while the keychain is asked is not lost", () => {
  test("another move of the same key, of two of which one fails", async () => {
    await toKeychain()
    const naming = readFileSync(file)
    writeFileSync(join(world.folder, "naming"), naming)
    writeFileSync(file, plain)
    keychain.speaks("secret-tool", asked(`cp ${join(world.folder, "naming")} ${file}; exit 1`))
    expect(await outcome(toKeychain())).toBe("KEYCHAIN_FAILED")
    expect(readFileSync(file)).toEqual(naming)
    expect(Object.values(keychain.entries)).toEqual([identity])
  })

  test("an entry that is removed once it was read", async () => {
    keychain.speaks("secret-tool", asked("cat $5 && rm $5"))
    expect(await outcome(toKeychain())).toBe("KEYCHAIN_FAILED")
    expect(readFileSync(file)).toEqual(plain)
  })

  test("another key, on the way there", async () => {
    const other = `${await generateIdentity("x25519")}\n`
    writeFileSync(join(world.folder, "other"), other)
    keychain.speaks("secret-tool", asked(`cat $5; cp ${join(world.folder, "other")} ${file}`))
    expect(await outcome(toKeychain())).toBe("LOCKED")
    expect(readFileSync(file, "utf8")).toBe(other)
  })

  test("another key, on the way back", async () => {
    await toKeychain()
    const other = `${await generateIdentity("x25519")}\n`
    writeFileSync(join(world.folder, "other"), other)
    keychain.speaks("secret-tool", asked(`cat $5; cp ${join(world.folder, "other")} ${file}`))
    expect(await outcome(fromKeychain())).toBe("LOCKED")
    expect(readFileSync(file, "utf8")).toBe(other)
    expect(Object.values(keychain.entries)).toEqual([identity])
  })
})

const inWorld = (name: string): string => join(world.folder, name)

/** Stopped where the first of two processes removes the entry, until there is a file `go`. */
function stopping(before = ""): void {
  keychain.speaks(
    "secret-tool",
    `case $1 in store) cat > $6 ;; lookup) ${before} cat $5 ;; *) [ "$FIRST" ] &&
      : > ${inWorld("stopped")} && until [ -e ${inWorld("go")} ]; do sleep 0.05; done; rm -f $5 ;; esac`,
  )
}

/** How many processes have the turn, or wait for it. */
const inTurn = (): number =>
  readdirSync(join(dirname(file), "owner-key.turn")).filter((name) => name.startsWith("by-")).length

/** The first one ends with this code; the second has to, with a key that can be read. */
async function both(first: string, code: number): Promise<void> {
  const one = processes.run(world, [first], { ...env, FIRST: "yes" })
  await expect.poll(() => existsSync(inWorld("stopped"))).toBe(true)
  const two = processes.start(world, ["to-keychain"], env)
  const end = ended(two)
  await expect.poll(() => inTurn() > 1 || two.exitCode !== null).toBe(true)
  writeFileSync(inWorld("go"), "")
  expect([(await one).code, (await end).code]).toEqual([code, 0])
  expect(Object.values(keychain.entries)).toEqual([identity])
  expect(await readKeyFile(file, env, nobody)).toMatchObject({ identity })
  expect(around()).not.toContain("AGE-SECRET-KEY-")
}

describe("of two processes at once, the second waits", () => {
  test("where the first brings the key back, and is about to remove the entry", async () => {
    await toKeychain()
    stopping()
    await both("from-keychain", 0)
  })

  test("where the first got no key back, and is about to remove what it kept", async () => {
    stopping('[ "$FIRST" ] ||')
    await both("to-keychain", 1)
  })

  test("but not for ever: what it would have changed is as it was", async () => {
    const turn = join(dirname(file), "owner-key.turn")
    mkdirSync(turn)
    writeFileSync(join(turn, "lock"), nameByMaker("by-"))
    const told = [outcome(toKeychain()), outcome(remove("owner"))]
    expect(await Promise.all(told)).toEqual(["LOCKED", "LOCKED"])
    expect(readFileSync(file)).toEqual(plain)
    expect(keychain.log).toBe("")
  })
})

describe("with a key file", () => {
  test("of the owner goes the entry that it names, of this vault alone", async () => {
    await toKeychain()
    await remove("owner")
    expect(keychain.entries).toEqual({})
    const others = `${"0".repeat(32)}.${"0".repeat(16)}`
    keychain.put(others, "x")
    writeFileSync(file, `# keychain: ${others}\n`)
    await remove("owner")
    expect(existsSync(file)).toBe(false)
    expect(Object.keys(keychain.entries)).toEqual([others])
  })

  test("of an agent goes no entry of the owner's", async () => {
    await toKeychain()
    const agents = agentKeyFile(claimedId(findVault(world.top)), "ci", env)
    mkdirSync(dirname(agents), { recursive: true })
    writeFileSync(agents, readFileSync(file))
    await remove("agent")
    expect(existsSync(agents)).toBe(false)
    expect(Object.values(keychain.entries)).toEqual([identity])
  })

  test("stays one whose entry the keychain does not remove, and the mend names both", async () => {
    await toKeychain()
    keychain.speaks("secret-tool", "exit 44")
    const error: unknown = await remove("owner").catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: "KEYCHAIN_FAILED" })
    expect(String((error as VaultError).hint)).toContain(`then ${file}`)
    expect(existsSync(file)).toBe(true)
  })
})

test.each([["to-keychain"], ["from-keychain"]])(
  "killed at any moment of %s, the key can be read",
  async (way) => {
    // The folder of the turn is there as well, as it is for all but the first one.
    await toKeychain()
    if (way === "to-keychain") await fromKeychain()
    const log = join(world.folder, "calls")
    const trial = world.copy()
    const there = new Keychain(join(world.folder, "trial"))
    for (const [account, password] of Object.entries(keychain.entries)) there.put(account, password)
    const path = `${there.bin}:/usr/bin:/bin`
    const run = await processes.run(trial, [way], {
      ...env,
      ...trial.env,
      PATH: path,
      KILL_LOG: log,
    })
    expect(run).toMatchObject({ code: 0 })
    trial.remove()
    const calls = JSON.parse(readFileSync(log, "utf8")) as string[]
    expect(calls.length).toBeGreaterThan(3)
    // A power cut must not take the file's new name, and leave the entry removed.
    const renamed = calls.findIndex((call) => call.startsWith("renameSync"))
    expect(calls[renamed + 1]).toBe("fsyncSync of a folder")
    for (let at = 1; at <= calls.length; at++) {
      const { signal } = await processes.run(world, [way], { ...env, KILL_AT: String(at) })
      expect(signal).toBe("SIGKILL")
      expect(await readKeyFile(file, env, nobody)).toMatchObject({ identity })
      // A kill behind the rename leaves the move done; the next one begins anew.
      const isMoved = keychainAccount(keyFileBytes(file)) !== undefined
      if (way === "to-keychain" && isMoved) await fromKeychain()
      if (way === "from-keychain" && !isMoved) await toKeychain()
    }
  },
)
