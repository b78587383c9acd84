import {
  cpSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import {
  generateIdentity,
  identityOf,
  seal,
  sealWithPassphrase,
} from "../../../src/core/age/age.js"
import { type Machine, vaultMachine } from "../machine.js"

/** A vault that version 0.1.0 of ewimsatt/agent-vault made; its README.md says how. */
const fixture = fileURLToPath(new URL("ewimsatt-0.1.0", import.meta.url))
const keys = JSON.parse(readFileSync(join(fixture, "keys.json"), "utf8")) as Record<string, string>
const identity = (name: string): string =>
  identityOf("x25519", Buffer.from(keys[name] ?? "", "hex"))

let machine: Machine

beforeEach(async () => {
  machine = await vaultMachine()
  cpSync(join(fixture, "vault"), join(machine.home, "old"), { recursive: true })
  keyFile("old.key", identity("owner"))
})
afterEach(() => machine.remove())

function keyFile(name: string, content: string | Uint8Array): void {
  writeFileSync(join(machine.home, name), content, { mode: 0o600 })
}

function imported(...options: readonly string[]) {
  const argv = ["import", "--from-agent-vault", "../old", "--owner-key", "../old.key"]
  return machine.call([...argv, ...options])
}

async function get(name: string): Promise<string> {
  const { stdout, stderr } = await machine.call(["get", name, "--owner"])
  return stderr === "" ? stdout : stderr
}

/** A file in the vault that is imported. */
const inOld = (path: string): string => join(machine.home, "old", ".agent-vault", path)

function edit(path: string, old: string, by: string): void {
  const text = readFileSync(inOld(path), "utf8")
  expect(text).toContain(old)
  writeFileSync(inOld(path), text.replace(old, by))
}

const VALUES = {
  "search/api-key": "not-a-real-search-key",
  "search/shared": "not-a-real-shared-key",
  "stripe/live/api-key": "not-a-real-stripe-key",
  "default/token": "not-a-real-token",
  "db/note": "not a real line\nnor this, é\n",
  "billing/hooks/signing": "not-a-real-hook-secret",
} as const
/** As its manifest lists them. */
const READERS: Readonly<Record<keyof typeof VALUES, readonly string[]>> = {
  "search/api-key": ["alice", "researcher"],
  "search/shared": ["alice", "deploy", "researcher"],
  "stripe/live/api-key": ["alice"],
  "default/token": ["alice"],
  "db/note": ["alice"],
  "billing/hooks/signing": ["alice", "build-bot"],
}

async function listed(...options: readonly string[]) {
  const { stdout } = await machine.call(["list", "--json", ...options])
  const { secrets } = JSON.parse(stdout) as {
    secrets: {
      name: string
      version: number
      expires?: string
      exposed?: { agent: string; why: string }[]
    }[]
  }
  return new Map(secrets.map((secret) => [secret.name, secret]))
}

describe("a vault that ewimsatt/agent-vault 0.1.0 made", () => {
  test("comes with its groups and its expiry, as one commit; no value is shown", async () => {
    const before = machine.git("rev-list", "--count", "HEAD")
    const ran = await imported()
    expect(ran.stderr).toContain(
      "6 secrets: 6 new, 0 with a new value, 0 as they were. The groups billing, default, search are new.",
    )
    const names = Object.keys(VALUES).sort()
    const stdout = names.map((name) => `+ ${name}  version 1\n`).join("")
    expect(ran).toMatchObject({ code: 0, stdout })
    expect(Number(machine.git("rev-list", "--count", "HEAD"))).toBe(Number(before) + 1)
    for (const [name, value] of Object.entries(VALUES)) {
      expect(await get(name)).toBe(value)
      expect(ran.stdout + ran.stderr).not.toContain(value)
    }
    const files = readdirSync(machine.home, { recursive: true, encoding: "utf8" })
      .map((path) => join(machine.home, path))
      .filter((path) => lstatSync(path).isFile())
    const inTheClear = files.filter((path) =>
      Object.values(VALUES).some((value) => readFileSync(path).includes(value)),
    )
    expect(inTheClear).toEqual([])
    const { expires } = (await listed()).get("stripe/live/api-key") ?? {}
    expect(expires).toBe("2031-01-01T10:30:00Z")
    expect((await machine.call(["check"])).stdout).not.toContain("refused")
  })

  test("each value is exposed to whoever could read it there, until it is rotated", async () => {
    const { stdout } = await imported("--json")
    const { exposed } = JSON.parse(stdout) as {
      exposed: { secret: string; to: { agent: string }[] }[]
    }
    const time: unknown = expect.stringMatching(/Z$/)
    const earlier = (agent: string) => ({ agent, at: time, why: "rekeyed" })
    const expected = Object.entries(READERS).map(([name, readers]) => [name, readers.map(earlier)])
    expect(Object.fromEntries(exposed.map(({ secret, to }) => [secret, sorted(to)]))).toEqual(
      Object.fromEntries(expected),
    )
    const marked = await listed("--exposed")
    expect([...marked].map(([name, secret]) => [name, secret.exposed])).toEqual(
      expect.arrayContaining(expected),
    )
    expect(marked.size).toBe(expected.length)
    expect((await machine.call(["check"])).stdout).toContain("an earlier key of researcher")
    const rotated = await machine.call(["rotate", "--exposed", "--dry-run"])
    expect(rotated.stdout + rotated.stderr).toContain("billing/hooks/signing")
    await machine.call(["set", "default/token"], "another")
    expect((await listed("--exposed")).has("default/token")).toBe(false)
  })

  test("an agent of the same name that is granted the group is still told from its key there", async () => {
    await imported()
    await machine.call(["agent", "add", "researcher"])
    await machine.call(["grant", "researcher", "search"])
    const { exposed } = (await listed()).get("search/api-key") ?? {}
    expect(exposed?.map(({ agent }) => agent)).toEqual(["alice", "researcher"])
  })

  test("goes into one group, behind a prefix, where that is said", async () => {
    const ran = await imported("-g", "shop", "--prefix", "old/")
    expect(ran.code).toBe(0)
    expect(await get("shop/old/stripe/live/api-key")).toBe(VALUES["stripe/live/api-key"])
    expect(await get("shop/old/billing/hooks/signing")).toBe(VALUES["billing/hooks/signing"])
    const kept = await imported("--prefix", "old/")
    expect(kept.code).toBe(0)
    expect(await get("stripe/old/live/api-key")).toBe(VALUES["stripe/live/api-key"])
  })

  test("a dry run names what it would store, and changes nothing", async () => {
    const head = machine.git("rev-parse", "HEAD")
    const ran = await imported("--dry-run")
    expect(ran).toMatchObject({ code: 0 })
    expect(ran.stdout).toContain("+ search/api-key  version 1\n")
    expect(ran.stderr).toContain("You would have to rotate these 6 values")
    expect(machine.git("rev-parse", "HEAD")).toBe(head)
    expect(machine.git("status", "--porcelain")).toBe("")
  })

  test("what is there gets a new value only when that is said; the same value becomes exposed", async () => {
    await machine.call(["set", "search/api-key"], "other")
    await machine.call(["set", "default/token"], VALUES["default/token"])
    const refused = await imported()
    expect(refused).toMatchObject({ code: 2, stdout: "" })
    expect(refused.stderr).toContain("NO_TERMINAL")
    expect(refused.stderr).toContain("  search/api-key")
    const ran = await imported("--yes")
    expect(ran.stdout).toContain("~ search/api-key  version 2\n")
    expect(ran.stdout).toContain("~ default/token  version 1\n")
    expect((await listed("--exposed")).has("default/token")).toBe(true)
    const again = await imported("--yes")
    expect(again.stdout).not.toContain("~")
    expect(again.stderr).toContain("Nothing changed.")
  })

  test("its owner's key is looked for where that program keeps it", async () => {
    const nowhere = await machine.call(["import", "--from-agent-vault", "../old"])
    expect(nowhere).toMatchObject({ code: 3, stdout: "" })
    expect(nowhere.stderr).toContain("--owner-key FILE")
    mkdirSync(join(machine.home, ".agent-vault"))
    keyFile(".agent-vault/owner.key", identity("owner"))
    const ran = await machine.call(["import", "--from-agent-vault", "../old/.agent-vault"])
    expect(ran.code).toBe(0)
    expect(await get("default/token")).toBe(VALUES["default/token"])
  })

  test("a copy of the key may have a passphrase", async () => {
    keyFile("old.key", await sealWithPassphrase(Buffer.from(identity("owner")), "not-a-real-one"))
    writeFileSync(join(machine.home, "passphrase"), "not-a-real-one\n")
    const ran = await machine.shell(
      "agent-vault import --from-agent-vault ../old --owner-key ../old.key --passphrase-fd 3 3<../passphrase",
    )
    expect(ran.code).toBe(0)
  })
})

function sorted(entries: readonly { readonly agent: string }[]): readonly unknown[] {
  return [...entries].sort((one, other) => (one.agent < other.agent ? -1 : 1))
}

const manifest = "manifest.yaml"
const listedName = "- search/api-key"

/** What is done to the vault, and what is said then. */
const hostile: readonly (readonly [
  name: string,
  made: () => Promise<void> | void,
  says: string,
])[] = [
  [
    "a folder that is not there",
    () => renameSync(inOld(".."), join(machine.home, "olds")),
    "NO_VAULT: there is no folder ../old",
  ],
  [
    "an empty folder",
    () => rmSync(inOld("."), { recursive: true }),
    "NO_VAULT: ../old is not a vault of ewimsatt/agent-vault",
  ],
  [
    "a vault of ours",
    () => writeFileSync(inOld("vault.json"), "{}"),
    "NO_VAULT: ../old is a vault of this program",
  ],
  [
    "a link in place of its folder",
    () => {
      renameSync(inOld("."), join(machine.home, "elsewhere"))
      symlinkSync(join(machine.home, "elsewhere"), inOld("."))
    },
    "FILE_UNSAFE",
  ],
  [
    "another version",
    () => edit("config.yaml", "version: 1", "version: 2"),
    "CONFIG_INVALID: ../old: config.yaml",
  ],
  [
    "a manifest that is no map",
    () => writeFileSync(inOld(manifest), "- a\n"),
    "CONFIG_INVALID: ../old: manifest.yaml",
  ],
  [
    "a manifest with an alias",
    () => edit(manifest, "version: 1", "version: &a 1\nb: *a"),
    "CONFIG_INVALID: ../old: manifest.yaml",
  ],
  [
    "a manifest that is nested too deeply",
    () => writeFileSync(inOld(manifest), "[".repeat(9999)),
    "CONFIG_INVALID",
  ],
  [
    "a manifest with a number for a name",
    () => edit(manifest, listedName, "- 5"),
    "CONFIG_INVALID: ../old: manifest.yaml",
  ],
  [
    "a manifest with more agents than a record names",
    () =>
      edit(
        manifest,
        "agents:\n",
        `agents:\n${Array.from({ length: 1001 }, (_, at) => `- name: a${at}\n  groups: [search]\n`).join("")}`,
      ),
    "CONFIG_INVALID: ../old cannot be imported: it has more than 1000 agents",
  ],
  [
    // Of each secret they were all put down, before its files were looked for: gigabytes.
    "a manifest with more agents than a record names, of a group without secrets",
    () =>
      edit(
        manifest,
        "agents:\n",
        `agents:\n${Array.from({ length: 1001 }, (_, at) => `- name: a${at}\n  groups: [none]\n`).join("")}`,
      ),
    "CONFIG_INVALID: ../old cannot be imported: it has more than 1000 agents",
  ],
  [
    "a secret that has no file",
    () => edit(manifest, listedName, "- search/nothing"),
    "CONFIG_INVALID: ../old cannot be imported: its manifest lists search/nothing",
  ],
  [
    "a path out of the vault",
    () => edit(manifest, listedName, "- search/../../../../old.key"),
    "NAME_INVALID",
  ],
  [
    "a name that is none here",
    () => edit(manifest, listedName, "- search/api key"),
    'NAME_INVALID: ../old: "search/api key"',
  ],
  [
    "a group that is none here",
    () => edit(manifest, "- name: billing", "- name: con"),
    "NAME_INVALID",
  ],
  [
    "a name that a terminal would obey",
    () => edit(manifest, listedName, String.raw`- "search/\e[2J"`),
    "NAME_INVALID",
  ],
  [
    "two names that are one here",
    () => cpSync(inOld("secrets/search/api-key.enc"), inOld("secrets/search/API-key.enc")),
    "USAGE: two of the values would both be",
  ],
  [
    "a time that is none",
    () => edit("secrets/stripe/live/api-key.meta", "expires: ", "expires: in "),
    "CONFIG_INVALID: ../old: secrets/stripe/live/api-key.meta",
  ],
  [
    "a link in place of a value",
    () => {
      rmSync(inOld("secrets/search/api-key.enc"))
      symlinkSync(join(machine.home, "old.key"), inOld("secrets/search/api-key.enc"))
    },
    "FILE_UNSAFE",
  ],
  [
    "a folder in place of a value",
    () => {
      rmSync(inOld("secrets/search/api-key.enc"))
      mkdirSync(inOld("secrets/search/api-key.enc"))
    },
    "FILE_UNSAFE",
  ],
  [
    "a value in the clear",
    () => writeFileSync(inOld("secrets/search/api-key.enc"), VALUES["search/api-key"]),
    "CIPHERTEXT_DAMAGED: ../old: secrets/search/api-key.enc",
  ],
  [
    "a value that was cut",
    () => {
      const path = inOld("secrets/search/api-key.enc")
      writeFileSync(path, readFileSync(path).subarray(0, -1))
    },
    "CIPHERTEXT_DAMAGED: ../old: secrets/search/api-key.enc",
  ],
  [
    "a header of thousands of stanzas",
    () => {
      // A point of the curve, so that each would be tried.
      const share = Buffer.alloc(32, 9).toString("base64").replace("=", "")
      const stanza = `-> X25519 ${share}\n${"A".repeat(43)}\n`
      const text = `age-encryption.org/v1\n${stanza.repeat(3000)}--- ${"A".repeat(43)}\n`
      writeFileSync(inOld("secrets/search/api-key.enc"), text)
    },
    "CIPHERTEXT_DAMAGED: ../old: secrets/search/api-key.enc",
  ],
  [
    "a value that is sealed to a passphrase",
    async () => {
      const sealed = Buffer.from(
        await sealWithPassphrase(Buffer.from("v"), "not-a-real-one"),
      ).toString()
      const binary = Buffer.from(sealed.replace(/-----.*-----/g, ""), "base64")
      writeFileSync(inOld("secrets/search/api-key.enc"), binary)
    },
    "NOT_A_READER: the key opens 5 of the 6 secrets of ../old, and not search/api-key",
  ],
  [
    "a value that is sealed to others",
    async () => {
      const other = "age1zwlyl6h27gzv0lfntr7fcqrjrzqazap8sy5zylkxwneh7llf0dksu37mwt"
      writeFileSync(inOld("secrets/search/api-key.enc"), await seal(Buffer.from("v"), [other]))
    },
    "NOT_A_READER: the key opens 5 of the 6 secrets of ../old, and not search/api-key",
  ],
  [
    "another vault's key",
    async () => keyFile("old.key", await generateIdentity("x25519")),
    "KEY_WRONG_VAULT: the key is not that of the owner of ../old",
  ],
  [
    "an agent's key",
    () => keyFile("old.key", identity("researcher")),
    "it is the key of its agent researcher",
  ],
  [
    "a file that holds no key",
    () => keyFile("old.key", VALUES["default/token"]),
    "KEY_INVALID: ../old.key holds no valid age key",
  ],
]

test.each(hostile)("%s is refused, and nothing is stored", async (_name, made, says) => {
  await made()
  const head = machine.git("rev-parse", "HEAD")
  const { code, stdout, stderr } = await imported("--yes")
  expect(stderr).toContain(says)
  expect({ stdout, failed: code > 0 && code < 70 }).toEqual({ stdout: "", failed: true })
  for (const value of [...Object.values(VALUES), identity("owner")]) {
    expect(stderr).not.toContain(value)
  }
  expect(stderr).not.toContain("\u001b")
  expect(machine.git("rev-parse", "HEAD")).toBe(head)
})

test.each([
  [["import"]],
  [["import", "--owner-key", "../old.key"]],
  [["import", ".env", "-g", "shop", "--owner-key", "../old.key"]],
  [["import", ".env", "--from-agent-vault", "../old"]],
  [["import", "--from-agent-vault", "../old", "--format", "yaml"]],
  [["import", "--from-agent-vault", "../old", "-g", "a", "-g", "b"]],
])("%j is not a call", async (argv) => {
  const ran = await machine.call(argv)
  expect(ran).toMatchObject({ code: 2, stdout: "" })
  expect(ran.stderr).toContain("USAGE")
})

test("what the manifest does not list is imported as well, and exposed to its owner at least", async () => {
  const text = readFileSync(inOld(manifest), "utf8")
  writeFileSync(inOld(manifest), text.replace(/groups:\n- name: [^]*$/, "groups: []\n"))
  rmSync(inOld("secrets/search/api-key.meta"))
  expect((await imported()).code).toBe(0)
  const { exposed } = (await listed()).get("search/api-key") ?? {}
  expect(exposed?.map(({ agent }) => agent)).toEqual(["alice"])
  expect(await get("hooks/signing")).toBe(VALUES["billing/hooks/signing"])
})
