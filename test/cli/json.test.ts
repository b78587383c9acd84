import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { shellWord } from "../../src/core/index.js"
import { COMMANDS, commandOf } from "../../src/cli/parse/table.js"
import { Machine, vaultMachine } from "./machine.js"

/** The shape of every document, as docs/cli.md describes it. */
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern)
const id = matching(/^[0-9a-f]{32}$/)
const commit = matching(/^[0-9a-f]{40}$/)
const time = matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
const digest = matching(/^sha256:[0-9a-f]{64}$/)
const signer = matching(/^ed25519:[\w-]{43}$/)
const recipient = matching(/^age1[a-z0-9]{58}$/)
const planId = matching(/^[0-9a-f]{12}$/)
const anyNumber: unknown = expect.any(Number)
const anyText: unknown = expect.any(String)
const anyList: unknown = expect.any(Array)
/** Both files of each secret. */
const matchingFiles = (...names: readonly string[]): readonly string[] =>
  names.flatMap((name) => [`secrets/${name}.age`, `secrets/${name}.json`])
const exposedTo = (agent: string, why: string): unknown => [{ agent, at: time, why }]

let template: Machine
let machine: Machine
const machines: Machine[] = []
const covered = new Set<string>()
/** What stands at the top of the documents of a command. */
const fields = new Map<string, Set<string>>()

beforeAll(async () => {
  template = await vaultMachine()
})
afterAll(() => [template, ...machines].forEach((each) => each.remove()))

/** The document that a command prints, and nothing else, on stdout. */
async function document(argv: readonly string[], stdin = "", code = 0): Promise<unknown> {
  const end = argv.indexOf("--")
  const [before, behind] = end === -1 ? [argv, []] : [argv.slice(0, end), argv.slice(end)]
  const whole = [...before, "--json", ...behind]
  // What is started beside the command is beside the built one only.
  const ran =
    argv[0] === "doctor"
      ? await machine.shell(["agent-vault", ...whole].map(shellWord).join(" "))
      : await machine.call(whole, stdin)
  expect({ stderr: ran.stderr, code: ran.code }).toEqual({ stderr: "", code })
  const name = commandOf(argv)?.name ?? ""
  covered.add(name)
  const printed: unknown = JSON.parse(ran.stdout)
  const known = fields.get(name) ?? new Set()
  fields.set(name, new Set([...known, ...Object.keys(printed as object)]))
  return printed
}

function fresh(): void {
  machine = template.copy()
  machines.push(machine)
}

const unchanged = {
  is: "changed",
  gains: [],
  losses: [],
  retimed: [],
  stale: [],
  unknown: [],
}

describe("from the past", () => {
  beforeAll(fresh)

  test("who-could-read", async () => {
    const reader = { recipient, from: time, standing: "reads" }
    const whole = { shallow: false, uncounted: [], missing: [], exitCode: 0 }
    expect(await document(["who-could-read", "stripe/webhook", "--at", "2999-01-01"])).toEqual({
      at: "2999-01-01T00:00:00Z",
      name: "stripe/webhook",
      isThere: true,
      values: [
        {
          version: 1,
          names: ["stripe/webhook"],
          set: time,
          isValue: true,
          readers: [
            { who: "agent", name: "ci", ...reader },
            { who: "owner", name: "alice", ...reader },
          ],
        },
      ],
      ...whole,
    })
  })

  test("blast", async () => {
    const opened = { set: time, from: time, is: "present", recipients: [recipient], version: 1 }
    const told = (name: string): unknown =>
      expect.objectContaining({ ...opened, name, names: [name] })
    expect(await document(["blast", "ci"])).toEqual({
      agent: "ci",
      keys: [{ recipient, isPresent: true, alsoOf: [] }],
      groups: ["stripe"],
      opens: [told("stripe/api-key"), told("stripe/webhook")],
      closed: 1,
      rotate: ["stripe/api-key", "stripe/webhook"],
      gone: [],
      audit: { files: anyList, elsewhere: 0 },
      shallow: false,
      uncounted: [],
      missing: [],
      exitCode: 0,
    })
  })
})

describe("reports", () => {
  beforeAll(fresh)

  test("get", async () => {
    expect(await document(["get", "stripe/api-key", "--agent", "ci"])).toEqual({
      name: "stripe/api-key",
      version: 1,
      value: "v",
    })
    await machine.call(["set", "bin/all", "--from-file", "-"], Buffer.from([0, 255]))
    expect(await document(["get", "bin/all", "--owner"])).toEqual({
      name: "bin/all",
      version: 1,
      base64: "AP8=",
    })
  })

  test("list", async () => {
    const options = ["--description", "d", "--env", "E", "--reveal", "never", "--expires", "300d"]
    await machine.call(["set", "listed/a", ...options], "a")
    expect(await document(["list", "listed"])).toEqual({
      secrets: [
        {
          name: "listed/a",
          version: 1,
          changed: time,
          expires: time,
          description: "d",
          env: "E",
          reveal: "never",
          readers: [],
        },
      ],
    })
    expect(await document(["list", "stripe"])).toMatchObject({
      secrets: [{ readers: [{ agent: "ci" }] }, { readers: [{ agent: "ci" }] }],
    })
  })

  test("agent list, agent show", async () => {
    const ci = { agent: "ci", recipient, escrow: true, since: time }
    const opens = { ...ci, groups: [{ group: "stripe", since: time }] }
    const deploy = { ...ci, agent: "deploy", groups: [] }
    expect(await document(["agent", "list"])).toEqual({ agents: [opens, deploy] })
    expect(await document(["agent", "show", "ci"])).toEqual({ ...opens, sends: [] })
  })

  test("owner list", async () => {
    const owner = { name: anyText, recipient, signer, since: 1, isYou: true }
    const fingerprint = matching(/^(?:[0-9a-f]{5}-){3}[0-9a-f]{5}$/)
    expect(await document(["owner", "list"])).toEqual({ owners: [{ ...owner, fingerprint }] })
  })

  test("owner add, join --owner, owner remove", async () => {
    const clone = "git clone -q . ../their-clone && cd ../their-clone"
    const made = `HOME="$HOME/bob" agent-vault join bob --owner --json`
    const there = await machine.shell(`mkdir ../bob && ${clone} && ${made}`)
    const joined = JSON.parse(there.stdout) as { line: string; fingerprint: string }
    expect(joined).toEqual({
      owner: "bob",
      file: matching(/owner\.key$/),
      line: matching(/^agent-vault-join-1:/),
      fingerprint: anyText,
      wasHere: false,
      hasPassphrase: false,
    })
    const { line, fingerprint } = joined
    const added = ["owner", "add", "bob", "--join", line, "--fingerprint", fingerprint]
    expect(await document([...added, "--dry-run"])).toEqual({
      owner: "bob",
      recipient,
      signer,
      fingerprint,
      vault: id,
      groups: anyList,
      escrows: ["ci", "deploy"],
      exposed: [],
      files: anyList,
    })
    await machine.call(added)
    expect(await document(["owner", "remove", "bob", "--dry-run"])).toEqual({
      owner: "bob",
      signer,
      vault: id,
      groups: anyList,
      agents: ["ci", "deploy"],
      kept: [],
      brought: [],
      vouched: [],
      exposed: anyList,
      files: anyList,
    })
    // What comes next need not say that this was undone.
    await machine.shell("git reset -q --hard HEAD~1 && agent-vault list")
  })

  test("key add, key list, key remove", async () => {
    const file = matching(/agents\/ci\.key$/)
    const path = (await machine.shell("echo ~/.config/agent-vault/*/agents/ci.key")).stdout.trim()
    expect(await document(["key", "add", path])).toEqual({
      role: "agent",
      name: "ci",
      file,
      wasHere: true,
    })
    expect(await document(["key", "list"])).toEqual({
      vault: id,
      keys: [
        { role: "owner", name: "alice", state: "opens", file: matching(/owner\.key$/) },
        { role: "agent", name: "ci", state: "opens", file },
        { role: "agent", name: "deploy", state: "opens", file: matching(/deploy\.key$/) },
      ],
    })
    expect(await document(["key", "remove", "deploy"])).toEqual({
      removed: matching(/deploy\.key$/),
    })
    await machine.call(["agent", "recover", "deploy"])
  })

  test("agreement list, agreement remove", async () => {
    await machine.shell("printf %s old | agent-vault set agreed/key")
    await machine.call(["rotation", "-s", "agreed/key", "--", "echo", "new"])
    const plan = (await document(["rotate", "agreed/key", "--dry-run"])) as { fingerprint: string }
    const { fingerprint } = plan
    await machine.call(["rotate", "agreed/key", "--agree", fingerprint])
    const agreement = { to: "rotation", fingerprint, secret: "agreed/key" }
    expect(await document(["agreement", "list"])).toEqual({ vault: id, agreements: [agreement] })
    expect(await document(["agreement", "remove", "agreed/key"])).toEqual({ removed: [agreement] })
    await machine.call(["rm", "agreed/key"])
  })

  test("owner key", async () => {
    const file = matching(/owner\.key$/)
    const key = { vault: id, file, passphrase: false, mode: "600", state: "opens" }
    const fingerprint = matching(/^(?:[0-9a-f]{5}-){3}[0-9a-f]{5}$/)
    const own = { owner: "alice", signer, recipient, fingerprint, inTheClear: [] }
    expect(await document(["owner", "key"])).toEqual({ ...key, ...own })
    const path = (await machine.shell("echo ~/.config/agent-vault/*/owner.key")).stdout.trim()
    expect(await document(["owner", "key", "--verify-backup", path])).toEqual({
      file,
      passphrase: false,
      owner: "alice",
      signer,
      groups: anyList,
      escrows: ["ci", "deploy"],
      withoutEscrow: [],
    })
  })

  test("owner recovery split, owner recovery drill, owner recovery combine", async () => {
    const holders = ["bob", "carol"]
    const named = holders.flatMap((holder) => ["--holder", holder])
    const split = ["owner", "recovery", "split", "--threshold", "2", ...named]
    const set = matching(/^[0-9a-f]{8}$/)
    const made = await document([...split, "--out-dir", `${machine.home}/shares`])
    const file = matching(/shares\/alice-[0-9a-f]{8}-(bob|carol)\.share$/)
    expect(made).toEqual({ set, owner: "alice", threshold: 2, holders, files: [file, file] })
    const { files } = made as { files: string[] }
    const proof = {
      owner: "alice",
      signer,
      groups: anyList,
      escrows: anyList,
      withoutEscrow: anyList,
    }
    const drill = await document(["owner", "recovery", "drill", ...files])
    expect(drill).toEqual({ set, threshold: 2, holders, ...proof })
    await machine.shell("mkdir ~/away; mv ~/.config/agent-vault/*/owner.key ~/away")
    expect(await document(["owner", "recovery", "combine", ...files])).toEqual({
      role: "owner",
      name: "alice",
      file: matching(/owner\.key$/),
      wasHere: false,
      proof,
      passphrase: false,
    })
  })

  test("join", async () => {
    expect(await document(["join", "builder"])).toEqual({
      agent: "builder",
      file: matching(/agents\/builder\.key$/),
      line: matching(/^agent-vault-join-1:[\w-]+$/),
      fingerprint: matching(/^[0-9a-f]{5}(?:-[0-9a-f]{5}){3}$/),
      wasHere: false,
      isAgent: false,
    })
    await machine.shell("rm ~/.config/agent-vault/*/agents/builder.key")
  })

  test("trust", async () => {
    expect(await document(["trust"])).toEqual({
      vault: id,
      owners: [{ name: "alice", signer }],
      pin: signer,
      anchor: { signer, from: ["the pin on this machine"] },
      trusted: true,
    })
    const { pin } = JSON.parse((await machine.call(["trust", "--json"])).stdout) as { pin: string }
    expect(await document(["trust", pin])).toEqual({ pin, keyFiles: [] })
    expect(await document(["trust", "--rewind", "--yes"])).toEqual({ accepted: [] })
  })

  test("access", async () => {
    await machine.call(["get", "stripe/api-key", "--agent", "ci"])
    const whole = await document(["access"])
    expect(whole).toMatchObject({
      vault: id,
      at: time,
      keys: "x25519",
      branch: "main",
      requests: [],
      owners: ["alice"],
      grants: [{ agent: "ci", group: "stripe", since: time, isEnded: false }],
      pending: [],
    })
    const { agents, groups, secrets, reads } = whole as Record<string, unknown[]>
    expect(agents?.[0]).toEqual({ agent: "ci", escrow: true, since: time })
    const stripe = { group: "stripe", epoch: 1, secrets: 2 }
    expect(groups).toEqual(expect.arrayContaining([stripe]))
    // Who reads a secret is in the grants.
    const { secrets: listed } = (await document(["list"])) as { secrets: { readers: unknown }[] }
    expect(secrets).toEqual(listed.map(({ readers: _readers, ...secret }) => secret))
    expect(reads?.[0]).toMatchObject({ at: time, event: "read", vault: id })
  })

  test("hook allow, hook deny", async () => {
    const root = join(machine.repo, ".agent-vault")
    const variables = ["STRIPE_API_KEY", "STRIPE_WEBHOOK"]
    expect(await document(["hook", "allow", "-g", "stripe", "--agent", "ci"])).toEqual({
      vault: id,
      root,
      groups: ["stripe"],
      agent: "ci",
      variables,
    })
    expect(await document(["hook", "allow"])).toEqual({
      vault: id,
      root,
      groups: [],
      variables: [],
    })
    expect(await document(["hook", "deny"])).toEqual({ root, denied: true })
    expect(await document(["hook", "deny"])).toEqual({ root, denied: false })
  })

  test("status", async () => {
    expect(await document(["status", "--agent", "ci"])).toEqual({
      vault: id,
      root: join(machine.repo, ".agent-vault"),
      branch: "main",
      requests: [],
      trust: {
        vault: id,
        owners: [{ name: "alice", signer }],
        pin: signer,
        anchor: { signer, from: ["the key file", "the pin on this machine"] },
        trusted: true,
      },
      identity: { decidedBy: "--agent ci", recipient, role: "agent", name: "ci" },
      localAgents: ["ci", "deploy"],
      opens: [{ group: "stripe" }],
      // What is here, or why there is nothing and what mends it.
      isolation: expect.anything() as unknown,
      goes: [],
      rotates: [],
      findings: [],
    })
  })

  test("check", async () => {
    await machine.call(["set", "soon/a", "--expires", "9d"], "a")
    await machine.call(["use", "soon/a", "stripe", "--yes"])
    const rotation = { run: ["roll", "-q"] }
    await machine.call(["rotation", "-s", "soon/a", "--", ...rotation.run])
    expect(await document(["check", "--against", "HEAD~1"], "", 1)).toEqual({
      findings: [
        {
          severity: "attention",
          code: "EXPIRING",
          subject: "soon/a",
          message: anyText,
          hint: "have its programs make a new value: agent-vault rotate soon/a --expires 90d",
        },
      ],
      secrets: anyNumber,
      groups: anyNumber,
      agents: 2,
      goes: [{ secret: "soon/a", hosts: ["api.stripe.com", "files.stripe.com"] }],
      rotates: [{ secret: "soon/a", rotation, due: ["expiring"] }],
      pending: { id: planId, groups: [] },
      anchored: true,
      serial: 1,
      access: [],
      sources: [],
      leases: [],
      uses: [],
      rotations: [{ secret: "soon/a", after: rotation, isNew: false }],
      exitCode: 1,
    })
    await machine.call(["use", "soon/a", "--remove", "--yes"])
    await machine.call(["rotate", "soon/a", "--forget"])
  })

  test("policy set, policy show, policy test, policy explain, policy remove", async () => {
    const rules = [{ name: "all", when: "true", effect: "allow" }]
    const given = { agent: "ci", secret: "stripe/api-key" }
    const cases = [{ name: "mine", given, expect: "allow" }]
    const text = JSON.stringify({ version: 1, rules, cases })
    writeFileSync(join(machine.repo, "rules.json"), text)
    expect(await document(["policy", "test", "rules.json"])).toEqual({
      rules: 1,
      cases: [{ name: "mine", expect: "allow", isPassed: true, effect: "allow", rule: "all" }],
    })
    const plan = { is: "new", gained: rules, lost: [] }
    expect(await document(["policy", "set", "rules.json", "--yes"])).toEqual({
      plan,
      rules: 1,
      cases: 1,
      files: ["policy.json", "policy.yaml", "vault.json"],
      commit,
    })
    expect(await document(["policy", "show"])).toEqual({ rules })
    const asked = ["policy", "explain", "stripe/api-key", "--agent", "ci"]
    expect(await document(asked)).toEqual({
      secret: "stripe/api-key",
      agent: "ci",
      readable: true,
      hasPolicy: true,
      doors: ["cli", "run", "sdk", "bridge", "mcp"].map((door) => {
        return { door, effect: "allow", rule: "all" }
      }),
    })
    expect(await document(["check"], "", 1)).toMatchObject({ policy: rules })
    expect(await document(["policy", "remove", "--yes"])).toEqual({
      plan: { is: "removed", gained: [], lost: rules },
      rules: 0,
      cases: 0,
      files: ["policy.json", "policy.yaml", "vault.json"],
      commit,
    })
    expect(await document(["policy", "show"])).toEqual({})
  })

  test("canary add, canary list, canary check, canary remove", async () => {
    const secret = "openai-ci/openai-api-key"
    const canary = { secret, version: 1, agent: "ci", service: "openai", placed: time }
    const added = await document(["canary", "add", "ci"])
    expect(added).toEqual({
      canaries: [canary],
      plan: { id: planId, groups: [expect.objectContaining({ group: "openai-ci", is: "new" })] },
      files: anyList,
      commit,
    })
    const listed = { canaries: [{ ...canary, is: "placed", openedBy: ["ci"] }], knownTo: [] }
    expect(await document(["canary", "list", "--owner"])).toEqual(listed)
    const { stdout: value } = await machine.call(["get", secret, "--agent", "ci"])
    expect(await document(["canary", "check", "-", "--owner"], `a\n${value} ${value}`, 1)).toEqual({
      found: [{ ...canary, file: "-", line: 2, times: 2 }],
      searched: { files: 1, canaries: 1 },
      exitCode: 1,
    })
    expect(await document(["audit", "--canaries", "--owner"])).toEqual({
      lines: [expect.objectContaining({ agent: "ci", event: "read" })],
      canaries: listed.canaries,
    })
    expect(await document(["canary", "remove", secret])).toEqual({
      removed: [{ ...canary, removed: time }],
      groups: ["openai-ci"],
      files: anyList,
      commit,
    })
  })

  test("audit, audit verify, audit suggest, audit push", async () => {
    await machine.call(["get", "stripe/api-key", "--agent", "ci"])
    const line = {
      v: 1,
      seq: anyNumber,
      at: time,
      vault: id,
      agent: "ci",
      door: "cli",
      event: "read",
      decision: "allowed",
      pid: anyNumber,
      session: anyText,
      secrets: [{ name: "stripe/api-key", version: 1 }],
    }
    const { lines } = (await document(["audit", "--agent", "ci"])) as { lines: { seq: number }[] }
    expect(lines.at(-1)).toEqual({ ...line, ...(lines.length > 1 ? { prev: digest } : {}) })
    expect(await document(["audit", "verify"])).toEqual({
      chains: anyList,
      heads: [],
      invalid: [],
      exitCode: 0,
    })
    expect(await document(["audit", "suggest"])).toEqual({ uses: [], commands: [] })
    expect(await document(["audit", "push", "--agent", "ci"])).toEqual({
      head: {
        format: 1,
        kind: "audit-head",
        vault: id,
        path: matching(/^audit\/ci\/[0-9a-f]{16}-\d+\.json$/),
        agent: "ci",
        chain: digest,
        seq: lines.length,
        head: digest,
        at: time,
        signature: { signer, ed25519: anyText },
      },
      commit,
    })
  })

  test("services, explain", async () => {
    expect(await document(["services", "stripe"])).toMatchObject({
      name: "stripe",
      title: anyText,
      docs: anyText,
      variables: anyList,
      placeholder: anyText,
      use: { hosts: anyList },
      example: anyList,
    })
    expect(await document(["explain", "GET", "https://api.stripe.com/v1/x"], "", 1)).toEqual({
      host: "api.stripe.com",
      port: 443,
      method: "GET",
      path: "/v1/x",
      goes: [],
      stays: [],
      hint: anyText,
    })
  })

  test("doctor", async () => {
    const client = ["curl", "-sS", "-o", "/dev/null", "-H", "x-api-key: {key}", "{url}"]
    const good = (step: string): unknown => ({ step, is: "good", saw: anyText })
    const steps = ["proxy", "token", "host", "authority", "placeholder", "value", "reply"]
    expect(await document(["doctor", "--isolate", "none", "--", ...client])).toEqual({
      url: matching(/^https:\/\/probe\.localhost:\d+\//),
      holds: anyText,
      ended: 0,
      steps: steps.map(good),
      exitCode: 0,
    })
    const { steps: told } = (await document(
      ["doctor", "--isolate", "none", "--", "true"],
      "",
      1,
    )) as {
      steps: readonly unknown[]
    }
    expect(told[0]).toEqual({ step: "proxy", is: "wrong", saw: anyText, mend: anyText })
    expect(told[1]).toEqual({ step: "token", is: "unknown", saw: anyText })
  })

  test("repair", async () => {
    expect(await document(["repair"])).toEqual({ result: "nothing", restored: [], lost: [] })
  })
})

describe("changes", () => {
  beforeAll(fresh)

  test("init", async () => {
    const empty = new Machine()
    machines.push(empty)
    const [vaults, before] = [machine, empty]
    machine = before
    const made = { root: join(empty.repo, ".agent-vault"), owner: "bob", files: anyList }
    expect(await document(["init", "--name", "bob", "--dry-run"])).toEqual(made)
    expect(await document(["init", "--name", "bob"])).toEqual({
      ...made,
      vault: id,
      signer,
      recipient,
      keyFile: matching(/owner\.key$/),
    })
    machine = vaults
  })

  test("set", async () => {
    const result = {
      name: "stripe/api-key",
      version: 2,
      is: "new version",
      newGroup: false,
      readers: [{ agent: "ci" }],
      exposed: [],
      files: ["secrets/stripe/api-key.age", "secrets/stripe/api-key.json"],
    }
    expect(await document(["set", "stripe/api-key", "--dry-run"], "new")).toEqual(result)
    expect(await document(["set", "stripe/api-key"], "new")).toEqual({ ...result, commit })
    expect(await document(["set", "stripe/api-key"], "new")).toEqual({
      ...result,
      is: "unchanged",
      files: [],
    })
    const source = { store: "env", keep: 60 }
    const from = ["set", "stripe/api-key", "--source", "env:STRIPE_KEY", "--keep", "1m"]
    expect(await document(from)).toEqual({ ...result, version: 3, source, commit })
  })

  test("rm, mv", async () => {
    await machine.call(["set", "old/one"], "1")
    await machine.call(["set", "old/two"], "2")
    const moved = {
      from: "old/one",
      to: "stripe/one",
      version: 1,
      newGroup: false,
      gains: [{ agent: "ci" }],
      losses: [],
      readers: [{ agent: "ci" }],
      exposed: [],
      files: matchingFiles("old/one", "stripe/one"),
    }
    expect(await document(["mv", "old/one", "stripe/one", "--dry-run"])).toEqual(moved)
    expect(await document(["mv", "old/one", "stripe/one"])).toEqual({ ...moved, commit })
    expect(await document(["rm", "stripe/one", "old/two"])).toEqual({
      removed: [
        { name: "stripe/one", version: 1, readers: [{ agent: "ci" }] },
        { name: "old/two", version: 1, readers: [] },
      ],
      emptied: ["old"],
      files: matchingFiles("old/two", "stripe/one"),
      commit,
    })
  })

  test("meta", async () => {
    const metadata = ["--description", "d", "--env", "E"]
    expect(await document(["meta", "db/password", ...metadata])).toEqual({
      name: "db/password",
      version: 1,
      before: {},
      after: { description: "d", env: "E" },
      added: [],
      readers: [],
      files: ["secrets/db/password.json"],
      commit,
    })
    const cleared = ["--clear", "description", "--clear", "env"]
    expect(await document(["meta", "db/password", ...cleared])).toMatchObject({ after: {} })
  })

  test("rotation and rotate", async () => {
    const argv = ["rotation", "-s", "db/password", "--dry-run", "--", "roll", "-q"]
    expect(await document(argv)).toEqual({
      name: "db/password",
      rotation: { run: ["roll", "-q"] },
      files: ["secrets/db/password.json"],
    })
    await machine.call(["rotation", "-s", "db/password", "--", "roll", "-q"])
    await machine.call(["meta", "db/password", "--expires", "9d"])
    const rotation = { run: ["roll", "-q"] }
    const plan = { rotation, fingerprint: id, agreed: false, kept: false }
    const selecting = ["rotate", "--expiring", "10d", "--dry-run"]
    expect(await document(selecting)).toEqual({
      secrets: [{ name: "db/password", why: [anyText], ...plan }],
      exitCode: 0,
    })
    expect(await document([...selecting, "--used-since", "1h"])).toEqual({
      secrets: [],
      audits: {
        folder: anyText,
        since: time,
        files: anyList,
        elsewhere: 0,
        unknown: anyList,
      },
      exitCode: 0,
    })
    await machine.call(["rotate", "db/password", "--forget"])
    await machine.call(["meta", "db/password", "--clear", "expires"])
    expect(await document(["rotate", "db/password", "--discard"])).toEqual({
      name: "db/password",
      discarded: false,
    })
  })

  test("history", async () => {
    const told = {
      name: "stripe/webhook",
      is: "set",
      version: 1,
      serial: 1,
      fields: [],
      owner: "alice",
      commit,
      at: time,
      author: anyText,
    }
    expect(await document(["history", "stripe/webhook"])).toEqual({
      name: "stripe/webhook",
      events: [told],
    })
  })

  test("import", async () => {
    const argv = ["import", "-", "-g", "new", "--format", "json"]
    expect(await document(argv, JSON.stringify({ KEY_ONE: "1", two: "2" }))).toEqual({
      secrets: [
        { name: "new/key-one", version: 1, is: "new" },
        { name: "new/two", version: 1, is: "new" },
      ],
      groups: [{ group: "new", newGroup: true, readers: [] }],
      exposed: [],
      files: [
        "groups/new.age",
        "groups/new.json",
        "manifest.yaml",
        ...matchingFiles("new/key-one", "new/two"),
      ],
      commit,
    })
  })

  test("group add, group list, group rekey, group remove", async () => {
    const files = ["groups/mail.age", "groups/mail.json", "manifest.yaml"]
    const plan = { id: planId, groups: [{ ...unchanged, group: "mail", members: [], secrets: 0 }] }
    expect(await document(["group", "add", "mail", "--description", "d"])).toEqual({
      group: "mail",
      plan: { ...plan, groups: [{ ...plan.groups[0], is: "new" }] },
      files,
      commit,
    })
    const { groups } = (await document(["group", "list"])) as { groups: unknown[] }
    expect(groups).toContainEqual({
      group: "mail",
      description: "d",
      epoch: 1,
      secrets: 0,
      readers: [],
    })
    expect(await document(["group", "rekey", "mail"])).toEqual({
      group: "mail",
      epoch: 2,
      readers: [],
      secrets: [],
      exposed: [],
      files: ["groups/mail.age", "groups/mail.json", "groups/mail.past.age"],
      commit,
    })
    await machine.call(["set", "mail/key"], "v")
    expect(await document(["group", "remove", "mail", "--with-secrets"])).toEqual({
      group: "mail",
      plan: { ...plan, groups: [{ ...plan.groups[0], is: "gone" }] },
      removed: [{ name: "mail/key", version: 1, readers: [] }],
      files: [
        "groups/mail.age",
        "groups/mail.json",
        "groups/mail.past.age",
        "manifest.yaml",
        "secrets/mail/key.age",
        "secrets/mail/key.json",
      ],
      commit,
    })
  })

  test("agent add, agent rekey, agent recover, agent remove", async () => {
    const keyFile = matching(/agents\/third\.key$/)
    const third = { agent: "third", recipient, signer, vault: id, keyFile, commit }
    expect(await document(["agent", "add", "third"])).toEqual({
      ...third,
      files: ["agents/third.age", "agents/third.json"],
    })
    const nothing = { plan: { id: planId, groups: [] }, exposed: [] }
    expect(await document(["agent", "rekey", "third"])).toEqual({
      ...third,
      replaced: recipient,
      ...nothing,
      files: ["agents/third.age", "agents/third.json"],
      used: { secrets: [], elsewhere: 0 },
    })
    const out = join(machine.home, "third.key")
    expect(await document(["agent", "recover", "third", "--out", out])).toEqual({
      agent: "third",
      recipient,
      keyFile: out,
    })
    expect(readFileSync(out, "utf8")).toContain("AGE-SECRET-KEY-1")
    expect(await document(["agent", "remove", "third"])).toEqual({
      agent: "third",
      ...nothing,
      files: ["agents/third.age", "agents/third.json"],
      commit,
    })
  })

  test("grant, revoke, apply", async () => {
    const until = "2099-01-01T00:00:00Z"
    const member = { agent: "deploy", recipient, since: time, until }
    const granted = {
      ...unchanged,
      group: "db",
      gains: [{ agent: "deploy", until, reason: "release" }],
      members: [member],
      secrets: 1,
    }
    const argv = ["grant", "deploy", "db", "--until", "2099-01-01", "--reason", "release"]
    expect(await document(argv)).toEqual({
      plan: { id: planId, groups: [granted] },
      exposed: [],
      files: ["groups/db.age", "groups/db.json", "manifest.yaml"],
      commit,
    })
    const lost = {
      ...unchanged,
      group: "db",
      losses: [{ agent: "deploy", since: time, why: "revoked" }],
      members: [],
      secrets: 1,
    }
    expect(await document(["revoke", "deploy", "db"])).toEqual({
      plan: { id: planId, groups: [lost] },
      exposed: [{ secret: "db/password", to: exposedTo("deploy", "revoked") }],
      files: anyList,
      commit,
      used: { secrets: [], elsewhere: 0 },
    })
    const nothing = { plan: { id: planId, groups: [] }, files: [] }
    expect(await document(["apply", "--dry-run"])).toEqual(nothing)
    expect(await document(["apply"])).toEqual({ ...nothing, exposed: [] })
  })

  test("use", async () => {
    const rule = {
      hosts: ["api.example.com"],
      methods: ["GET"],
      paths: ["/v1/**"],
      at: ["header:authorization"],
      scheme: "bearer",
      ask: "never",
    }
    const said = ["--host", "api.example.com", "--method", "GET", "--path", "/v1/**"]
    const argv = ["use", "stripe/api-key", ...said, "--at", "header:authorization"]
    const ran = await machine.call([...argv, "--scheme", "bearer", "--yes", "--json"])
    expect(JSON.parse(ran.stdout)).toEqual({
      name: "stripe/api-key",
      added: [rule],
      removed: [],
      use: [rule],
      readers: [{ agent: "ci" }],
      files: ["secrets/stripe/api-key.json"],
      commit,
    })
    expect(await document(["use", "stripe/api-key", "--list"])).toEqual({
      secrets: [{ name: "stripe/api-key", use: [rule] }],
    })
  })
})

describe("errors", () => {
  beforeAll(fresh)

  test.each([
    [["get", "no/such", "--owner"], "SECRET_NOT_FOUND", 3],
    [["get", "stripe/api-key", "--agent", "deploy"], "NOT_GRANTED", 4],
    [["get", "--frob"], "USAGE", 2],
    [["nothing"], "USAGE", 2],
    [["set", "a/b", "hunter2"], "VALUE_AS_ARGUMENT", 2],
    [["apply", "--plan", "0123456789ab"], "PLAN_CHANGED", 6],
  ] as const)(
    "%j is one line of JSON on stderr, and nothing on stdout",
    async (argv, code, exit) => {
      const ran = await machine.call([...argv, "--json"])
      expect(ran.stdout).toBe("")
      expect(ran.stderr).toMatch(/^[^\n]*\n$/)
      expect(JSON.parse(ran.stderr)).toEqual({
        error: { code, message: anyText, hint: anyText, exitCode: exit },
      })
      expect(ran.code).toBe(exit)
    },
  )
})

describe("the guard", () => {
  beforeAll(fresh)

  test("guard", async () => {
    const ownValues: unknown = expect.objectContaining({ looked: expect.any(Boolean) as unknown })
    const settings = { read: false }
    const clean = {
      findings: [],
      public: [],
      files: 0,
      allowed: 0,
      stale: [],
      settings,
      ownValues,
    }
    expect(await document(["guard"])).toEqual(clean)
    expect(await document(["guard", "--stdin"], "nothing")).toEqual({ ...clean, files: 1 })
    const [word, value] = ["password", "q7Lm2x9Kd83jfQzW8"]
    const found = await document(["guard", "--stdin"], `${word} = "${value}"`, 1)
    expect(found).toEqual({
      ...clean,
      files: 1,
      findings: [
        {
          rule: "generic-password",
          title: anyText,
          path: "<stdin>",
          line: 1,
          column: 13,
          excerpt: "q7Lm… (17 characters)",
          hint: anyText,
        },
      ],
    })
  })

  test("guard --explain", async () => {
    const text = 'csrf_token = "q7Lm2x9Kd83jfQzW8"'
    const report = await document(["guard", "--explain", "--stdin"], text)
    expect(report).toMatchObject({
      findings: [],
      explained: [
        {
          path: "<stdin>",
          looked: "everything",
          matches: [
            {
              line: 1,
              column: 15,
              rule: "generic-secret",
              excerpt: "q7Lm… (17 characters)",
              outcome: "silenced",
              veto: "harmless-name",
              why: anyText,
            },
          ],
        },
      ],
    })
  })

  test("hooks status", async () => {
    // That of a hook which is there: test/cli/hooks/hooks.test.ts.
    expect(await document(["hooks", "status"])).toEqual({ hooks: [], keys: [] })
  })

  test("guard install, guard status and guard uninstall", async () => {
    // The hook starts the program that installed it, which is this one only as a process.
    const [, started = ""] = process.argv
    process.argv[1] = fileURLToPath(new URL("../../dist/cli/bin.cjs", import.meta.url))
    const where = { manager: "hooks", file: ".git/hooks/pre-commit", prePush: null }
    const proof = { guarded: true, proof: anyText }
    expect(await document(["guard", "status"], "", 1)).toEqual({
      ...where,
      changed: false,
      guarded: false,
      proof: anyText,
    })
    expect(await document(["guard", "install"])).toEqual({ ...where, changed: true, ...proof })
    expect(await document(["guard", "status"])).toEqual({ ...where, changed: false, ...proof })
    const both = { ...where, prePush: ".git/hooks/pre-push", changed: true, ...proof }
    expect(await document(["guard", "install", "--push"])).toEqual(both)
    expect(await document(["guard", "uninstall"])).toEqual({ ...where, changed: true })
    process.argv[1] = started
  })
})

describe("two clones", () => {
  beforeAll(fresh)

  test("sync and resolve", async () => {
    machine.git("init", "-q", "--bare", "../origin.git")
    machine.git("remote", "add", "origin", "../origin.git")
    const synced = {
      with: "origin/main",
      brought: "nothing",
      commit: machine.git("rev-parse", "HEAD"),
      pushed: true,
      isAhead: false,
      settled: [],
      exposed: [],
      dropped: [],
      isForOwners: false,
      dryRun: false,
    }
    expect(await document(["sync", "--remote", "origin"])).toEqual(synced)
    expect(await document(["resolve"])).toEqual({
      during: "nothing",
      settled: [],
      conflicts: [],
      others: [],
      exposed: [],
      dropped: [],
      keys: [],
      files: [],
      dryRun: false,
    })
  })

  test("git setup", async () => {
    const started = process.argv[1] ?? ""
    process.argv[1] = join(machine.home, "bin", "agent-vault")
    expect(await document(["git", "setup"])).toEqual({ result: "made" })
    expect(await document(["git", "setup"])).toEqual({ result: "there" })
    expect(await document(["git", "setup", "--remove"])).toEqual({ result: "removed" })
    process.argv[1] = started
  })
})

test("every command that reports has been looked at", () => {
  // It needs a service: rotation/roll.test.ts has one.
  covered.add("roll")
  const reporting = COMMANDS.filter(({ options }) => "json" in options).map(({ name }) => name)
  expect([...covered].sort()).toEqual(reporting.sort())
})

/** The code in a text: `{name, version}`. */
const codeIn = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? "")

test("docs/cli.md has the document of every command, with all that stands at its top", () => {
  const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8")
  const rows = (page.split("\n## JSON\n")[1] ?? "")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
  const untold = [...fields].flatMap(([name, printed]) => {
    const ofName = rows.filter((row) => {
      const commands = codeIn(row.split("|")[1] ?? "")
      return commands.some((each) => each === name || each.startsWith(`${name} --`))
    })
    const told = new Set(
      ofName.flatMap((row) => row.split("|").slice(2).join().match(/\w+/g) ?? []),
    )
    return [...printed].filter((field) => !told.has(field)).map((field) => `${name}: ${field}`)
  })
  expect(untold).toEqual([])
})
