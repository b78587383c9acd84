import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { generateIdentity, recipientOf } from "../../src/core/age/age.js"
import { harnessSetting, ownerKeyFile } from "../../src/core/index.js"
import harnesses from "../../src/core/keys/harnesses.json" with { type: "json" }
import { pinFile } from "../../src/core/memory/trust.js"
import { formatOwnerLine, ownerFingerprint } from "../../src/core/records/join-line.js"
import { signingKey } from "../../src/core/records/signature.js"
import { openOwnerVault } from "../../src/core/npm-owner.js"
import {
  type Answer,
  type Arena,
  Machine,
  VALUES,
  copyMachine,
  makeArena,
  said,
  vaultIdOf,
} from "./arena.js"
import { sealedQuickly } from "../core/age/sealed-quickly.js"

// An agent's harness runs as the user whose key lies here. What gives access, or shows a value, then
// waits for what a program does not have by itself: a passphrase, a person at a terminal, or a
// setting of the user's. It prevents accidents: a program that means it reads the file.

const HARNESS = { CLAUDECODE: "1" }
const PASSPHRASE = "correct horse battery"
const LETTERS: Answer = ["type ", "LETTERS"]

let stage: Arena
let alice: Machine
let recipient: string
/** Who asks to become an owner: their key, made elsewhere. */
let bob: { readonly identity: string; readonly recipient: string; readonly fingerprint: string }

beforeAll(async () => {
  stage = await makeArena()
  recipient = await recipientOf(await generateIdentity("x25519"))
  const identity = await generateIdentity("x25519")
  const keys = { recipient: await recipientOf(identity), signer: signingKey(identity).signer }
  bob = { identity, recipient: keys.recipient, fingerprint: ownerFingerprint(keys) }
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
})
afterEach(() => alice.remove())

interface Deed {
  readonly prepare?: () => void
  readonly args: () => readonly string[]
}

const RULE = [
  ["--host", "api.example.com", "--method", "GET"],
  ["--path", "/v1/**", "--at", "header:x-api-key"],
].flat()

/** What gives access, or shows a value. */
const WIDENS: Readonly<Record<string, Deed>> = {
  grant: { args: () => ["grant", "temp", "db"] },
  "a grant for longer": {
    prepare: () => succeed("grant", "temp", "db", "--for", "1h"),
    args: () => ["grant", "temp", "db", "--for", "2h"],
  },
  "agent add": { args: () => ["agent", "add", "mine", "--out", "-"] },
  "agent add of a key made elsewhere": {
    args: () => ["agent", "add", "mine", "--recipient", recipient],
  },
  "owner add": {
    args: () => ["owner", "add", "bob", "--join", ownerLine(), "--fingerprint", bob.fingerprint],
  },
  "agent recover": { args: () => ["agent", "recover", "ci", "--out", "-"] },
  "agent rekey": { args: () => ["agent", "rekey", "ci", "--out", "-"] },
  apply: {
    prepare: () => wish("{ agent: temp, group: stripe }"),
    args: () => ["apply", "--yes", "--plan", planId()],
  },
  "set --reveal": {
    prepare: () => succeed("set", "stripe/webhook", "--generate", "--reveal", "never"),
    args: () => ["set", "stripe/webhook", "--generate", "--reveal", "allow"],
  },
  use: { args: () => ["use", "stripe/webhook", "github", "--yes"] },
  "a wider use": {
    prepare: () => succeed("use", "stripe/webhook", ...RULE, "--ask", "each", "--yes"),
    args: () => ["use", "stripe/webhook", ...RULE, "--yes"],
  },
  "set --use": { args: () => ["set", "stripe/webhook", "--generate", "--use", "github", "--yes"] },
  "get --owner": { args: () => ["get", "db/password", "--owner"] },
  trust: {
    prepare: () => rmSync(pinFile(vaultIdOf(alice), alice.env)),
    args: () => ["trust", alice.vaultRecord().owners[0]?.signer ?? "", "--yes"],
  },
  "trust --rewind": {
    prepare: () => {
      const before = alice.git("rev-parse", "HEAD")
      succeed("revoke", "ci", "stripe")
      alice.git("update-ref", "refs/remotes/origin/main", "HEAD")
      alice.git("reset", "--quiet", "--hard", before)
    },
    args: () => ["trust", "--rewind", "--yes"],
  },
}

/** What only takes, stores or looks. */
const NOT_WIDENS: readonly (readonly string[])[] = [
  ["revoke", "ci", "stripe"],
  ["set", "stripe/api-key", "--generate"],
  ["set", "stripe/api-key", "--generate", "--reveal", "never"],
  ["set", "another/x", "--generate", "--reveal", "allow"],
  ["grant", "ci", "stripe"],
  ["use", "stripe/webhook", "github", "--dry-run"],
  ["use", "--list"],
  ["grant", "temp", "db", "--dry-run"],
  ["agent", "remove", "deploy"],
  ["apply"],
  ["get", "stripe/api-key", "--agent", "ci"],
  ["run", "--agent", "ci", "-g", "stripe", "--", "true"],
  ["run", "--agent", "ci", "-g", "stripe", "--no-redact", "--", "true"],
  ["list"],
  ["repair"],
  ["trust"],
  ["trust", "--rewind"],
]

function succeed(...args: readonly string[]): void {
  expect(alice.run(args)).toMatchObject({ code: 0 })
}

/** Adds a grant to the manifest, as anybody with an editor can. */
function wish(grant: string): void {
  alice.edit("manifest.yaml", /grants:\n/, `grants:\n  - ${grant}\n`)
}

/** What bob's machine printed. */
function ownerLine(): string {
  const joining = { vault: vaultIdOf(alice), owner: "bob", recipient: bob.recipient }
  return formatOwnerLine(joining, signingKey(bob.identity))
}

function planId(): string {
  const { stderr } = alice.run(["apply", "--dry-run"])
  return /--plan (\S+)/.exec(stderr)?.[1] ?? ""
}

/** Everything that the vault, and this machine's trust in it, consist of. */
function state(): object {
  let pin: string | undefined
  try {
    pin = readFileSync(pinFile(vaultIdOf(alice), alice.env), "utf8")
  } catch {
    pin = undefined
  }
  return { ...alice.snapshot(), pin }
}

async function protectKey(): Promise<void> {
  const file = ownerKeyFile(vaultIdOf(alice), alice.env)
  writeFileSync(file, await sealedQuickly(readFileSync(file), PASSPHRASE))
}

/** The user's setting, as docs/harness.md tells to make it. */
function letHarness(mode = 0o600): string {
  const file = harnessSetting(vaultIdOf(alice), alice.env)
  writeFileSync(file, "", { mode })
  chmodSync(file, mode)
  return file
}

describe.each(Object.entries(WIDENS))("%s", (_name, { prepare, args }) => {
  beforeEach(() => prepare?.())

  test("needs no more than ever where no harness runs", () => {
    expect(alice.run(args(), { shows: true })).toMatchObject({ code: 0 })
  })

  test("is refused under a harness, shows nothing and changes nothing; a person's setting lets it", () => {
    const call = args()
    const before = state()
    const refused = alice.run(call, { env: HARNESS })
    expect(refused).toMatchObject({ code: 4, stdout: "" })
    expect(refused.stderr).toMatch(/^agent-vault: UNCONFIRMED: to .*, Claude Code needs a person/m)
    expect(refused.stderr).toContain("outside of Claude Code")
    expect(state()).toEqual(before)
    letHarness()
    expect(alice.run(call, { env: HARNESS, shows: true })).toMatchObject({ code: 0 })
  })

  test("at a terminal under a harness takes letters that nobody can know before", () => {
    const call = args()
    const before = state()
    for (const line of ["", "yes"]) {
      const refused = alice.atTerminal(call, { env: HARNESS, answers: [["type ", line]] })
      expect([refused.code, refused.stdout]).toEqual([4, expect.stringContaining("UNCONFIRMED")])
      expect(state()).toEqual(before)
    }
    const done = alice.atTerminal(call, { env: HARNESS, answers: [LETTERS], shows: true })
    expect(done, done.stdout).toMatchObject({ code: 0 })
  })
})

test.each(["grant", "agent add", "agent recover", "get --owner"])(
  "a passphrase that was given serves as well: %s",
  async (name) => {
    await protectKey()
    const args = WIDENS[name]?.args() ?? []
    expect(alice.run(args, { env: HARNESS }).code).toBe(2)
    const given = { stdin: PASSPHRASE, env: HARNESS, shows: true }
    expect(alice.run([...args, "--passphrase-fd", "0"], given)).toMatchObject({ code: 0 })
  },
)

test.each(NOT_WIDENS.map((args) => [args.join(" "), args] as const))(
  "under a harness as ever: %s",
  (_name, args) => {
    expect(alice.run(args, { env: HARNESS, shows: true })).toMatchObject({ code: 0 })
  },
)

test("every known harness is told, and one that is not set is none", () => {
  for (const [variable, name] of Object.entries(harnesses).filter((_, at) => at % 4 === 0)) {
    const { stderr } = alice.run(["grant", "temp", "db"], { env: { [variable]: "1" } })
    expect(stderr).toContain(`${name} needs a person's word`)
  }
  expect(alice.code(["grant", "temp", "db"], { env: { CLAUDECODE: "" } })).toBe("0 ok")
})

describe("the setting of the user", () => {
  const GRANT = ["grant", "temp", "db"]

  test("is a file that nobody else can write, and neither a link nor a folder", () => {
    const file = letHarness(0o622)
    expect(alice.code(GRANT, { env: HARNESS })).toBe("4 UNCONFIRMED")
    rmSync(file)
    symlinkSync(ownerKeyFile(vaultIdOf(alice), alice.env), file)
    expect(alice.code(GRANT, { env: HARNESS })).toBe("4 UNCONFIRMED")
    rmSync(file)
    mkdirSync(file)
    expect(alice.code(GRANT, { env: HARNESS })).toBe("4 UNCONFIRMED")
  })

  test("is not taken from the repository, nor from a variable or an option", () => {
    writeFileSync(join(alice.top, "harness-may-widen"), "")
    alice.put("harness-may-widen", "")
    expect(alice.code(GRANT, { env: { ...HARNESS, AGENT_VAULT_HARNESS: "1" } })).toBe(
      "4 UNCONFIRMED",
    )
    expect(alice.code([...GRANT, "--yes"], { env: HARNESS })).toBe("2 USAGE")
  })
})

describe("reveal: never", () => {
  const [GET, RUN] = [
    ["get", "stripe/webhook", "--agent", "ci"],
    ["run", "--agent", "ci", "-s", "stripe/webhook", "--no-redact", "--", "true"],
  ]
  beforeEach(() => succeed("set", "stripe/webhook", "--generate", "--reveal", "never"))

  test("binds get and run --no-redact under a harness, and there alone", () => {
    for (const [args, code] of [
      [GET, 4],
      // What a program could end with is not the answer of `run` itself.
      [RUN, 125],
    ] as const) {
      expect(alice.run(args, { shows: true })).toMatchObject({ code: 0 })
      const refused = alice.run(args, { env: HARNESS })
      expect(refused).toMatchObject({ code, stdout: "" })
      expect(refused.stderr).toContain("REVEAL_REFUSED")
      expect(refused.stderr).toContain("agent-vault run --agent ci -s stripe/webhook -- COMMAND")
    }
    const redacted = RUN.filter((word) => word !== "--no-redact")
    expect(alice.code(redacted, { env: HARNESS })).toBe("0 ok")
  })

  test("binds it where the user's setting lets a harness widen, too: an owner signed it", () => {
    letHarness()
    for (const args of [GET, RUN, ["get", "stripe/webhook", "--owner"]]) {
      expect(alice.code(args, { env: HARNESS })).toMatch(/^(?:4|125) REVEAL_REFUSED$/)
    }
  })

  test("a person at a terminal may look", () => {
    const shown = alice.atTerminal(GET, { env: HARNESS, answers: [LETTERS], shows: true })
    expect(shown).toMatchObject({ code: 0 })
    const not = alice.atTerminal(GET, { env: HARNESS, answers: [["type ", "no"]] })
    expect(not.stdout).toContain("REVEAL_REFUSED")
  })
})

test("a program that opens the owner's vault under a harness is held to the same", async () => {
  await using free = await openOwnerVault({ dir: alice.top, env: alice.env })
  const env = { ...alice.env, ...HARNESS }
  await using held = await openOwnerVault({ dir: alice.top, env })
  expect(await said(held.grant("temp", ["db"]))).toBe("UNCONFIRMED")
  expect(await said(held.addAgent("mine"))).toBe("UNCONFIRMED")
  expect(await said(held.recoverAgent("ci"))).toBe("UNCONFIRMED")
  expect(await said(held.rekeyAgent("ci"))).toBe("UNCONFIRMED")
  expect(await said(held.get("db/password"))).toBe("UNCONFIRMED")
  expect(await said(held.set("db/password", "new", { reveal: "never" }))).toBe("ok")
  expect(await said(held.set("db/password", "new", { reveal: "allow" }))).toBe("UNCONFIRMED")
  expect(await said(held.revoke("ci", ["stripe"]))).toBe("ok")
  expect((await free.get("stripe/api-key")).reveal()).toBe(VALUES["stripe/api-key"])
  expect(await said(free.grant("temp", ["db"]))).toBe("ok")
})

test("the first steps under a harness: init works, says what comes, and the rest is the person's", () => {
  const fresh = new Machine(join(alice.folder, "fresh"), process.env)
  mkdirSync(fresh.top, { recursive: true })
  fresh.git("init", "--quiet", "-b", "main")
  const made = fresh.run(["init"], { env: HARNESS })
  expect(made.code).toBe(0)
  expect(made.stderr).toContain("Claude Code runs here")
  expect(fresh.code(["agent", "add", "ci"], { env: HARNESS })).toBe("4 UNCONFIRMED")
  expect(fresh.code(["set", "a/b"], { env: HARNESS, stdin: "x" })).toBe("0 ok")
  // As the message says: the same lines, in a terminal of the person's own.
  expect(fresh.code(["agent", "add", "ci"])).toBe("0 ok")
  expect(fresh.code(["grant", "ci", "a"])).toBe("0 ok")
  const get = ["get", "a/b", "--agent", "ci"]
  expect(fresh.run(get, { env: HARNESS, shows: true }).stdout).toBe("x")
})
