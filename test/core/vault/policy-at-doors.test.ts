import { rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import {
  type Confirmed,
  type Outlet,
  type Use,
  askOf,
  attributionOf,
  findVault,
  identityAt,
  noAudit,
  openBrokered,
  openVault,
  parseSecretName,
  readSecret,
  withVault,
} from "../../../src/core/index.js"
import { changeUse, setPolicy } from "../../../src/core/owner.js"
import { RULE as RULE_OF_PAY } from "../rule-of-pay.js"
import { type World, outcome, vaultWorld } from "../world.js"

const NAME = "stripe/api-key"
const RULE = { ...RULE_OF_PAY, methods: ["GET", "DELETE"] }

let template: World
let world: World

beforeAll(async () => {
  template = await vaultWorld()
  const request = { ...(await template.request()), name: NAME }
  await changeUse({ ...request, edit: { do: "add", rules: [RULE] } })
})
beforeEach(() => {
  world = template.copy()
})
afterEach(() => world.remove())
afterAll(() => template.remove())

/** Signs a policy of rules: each an effect and a condition. */
async function policy(...rules: (readonly [effect: string, when: string])[]): Promise<void> {
  const written = rules.map(([effect, when], at) => ({ name: `rule ${at + 1}`, when, effect }))
  const bytes = Buffer.from(JSON.stringify({ version: 1, rules: written }))
  await setPolicy(await world.request(), { file: "rules", bytes })
}

interface Reading {
  readonly as?: object
  readonly person?: Confirmed
  readonly program?: string
  readonly project?: string
}

/** What a read through an outlet comes to. */
async function read(
  outlet: Outlet,
  { as = { agent: "ci" }, person, program, project }: Reading = {},
): Promise<string> {
  const place = findVault(world.vaultFolder)
  const key = await identityAt(place, as, "always", world.env, () => Promise.resolve(""))
  const audit = noAudit(attributionOf(world.env, program), project)
  const terms = { outlet, audit, person }
  return outcome(
    withVault(place, key.trust, world.env, (vault) =>
      readSecret(vault, key, parseSecretName(NAME), terms, new Date()),
    ).then(({ value }) => Buffer.from(value).toString()),
  )
}

const mcp = (isAgreed: boolean): Outlet => ({
  surface: "mcp",
  reveal: { atLeast: "allow", isAgreed: () => isAgreed },
})
const SURFACES = ["cli", "run", "sdk", "bridge"] as const

describe("a policy is asked about", () => {
  test("what leaves by each door", async () => {
    for (const door of [...SURFACES, "mcp"] as const) {
      const outlet = door === "mcp" ? mcp(true) : { surface: door }
      await policy(["allow", "true"], ["deny", `door == "${door}"`])
      expect(await read(outlet), door).toBe("POLICY_REFUSED")
      await policy(["deny", `door != "${door}"`], ["allow", "true"])
      expect(await read(outlet), door).toBe("old")
    }
  })

  test("the agent, the secret, the program and the time, which none of its rules may allow", async () => {
    const run = { surface: "run" } as const
    await policy(["allow", 'agent == "ci" && secret.name == "stripe/api-key"'])
    expect(await read(run)).toBe("old")
    await policy(["allow", 'agent == "deploy" || secret.group == "db"'])
    expect(await read(run)).toBe("POLICY_REFUSED")
    await policy(["allow", 'session.client == "claude"'])
    expect(await read(run)).toBe("POLICY_REFUSED")
    expect(await read(run, { program: "claude" })).toBe("old")
    await policy(["allow", 'time < timestamp("2020-01-01T00:00:00Z")'])
    expect(await read(run)).toBe("POLICY_REFUSED")
  })

  test("the project, as the environment says it, at a door and in the SDK", async () => {
    await policy(["allow", 'session.project == "/work/pay"'])
    expect(await read({ surface: "run" })).toBe("POLICY_REFUSED")
    expect(await read({ surface: "run" }, { project: "/work/pay" })).toBe("old")
    const got: string[] = []
    for (const more of [
      {},
      { CLAUDE_PROJECT_DIR: "/work/pay" },
      { CLAUDE_PROJECT_DIR: "/work/pay", AGENT_VAULT_PROJECT: "/work/other" },
    ]) {
      const env = { ...world.env, ...more }
      await using vault = await openVault({ dir: world.top, agent: "ci", env, audit: false })
      got.push(await outcome(vault.get(NAME).then((value) => value.reveal())))
    }
    expect(got).toEqual(["POLICY_REFUSED", "old", "POLICY_REFUSED"])
  })

  test("a rule that fails while it is asked", async () => {
    await policy(["allow", "true"], ["allow", "1 / 0 == 1"])
    expect(await read({ surface: "run" })).toBe("POLICY_REFUSED")
  })

  test("no owner, who signs it, and no value that is only searched for", async () => {
    await policy(["deny", "true"])
    expect(await read({ surface: "cli" }, { as: {} })).toBe("old")
    for (const surface of ["broker", "guard"] as const) {
      expect(await read({ surface }), surface).toBe("old")
    }
  })
})

describe("a person's word", () => {
  test("lets a value out at the terminal, and at the client of the model", async () => {
    await policy(["confirm", "true"])
    for (const surface of SURFACES) expect(await read({ surface }), surface).toBe("UNCONFIRMED")
    expect(await read({ surface: "cli" }, { person: "confirmed" })).toBe("old")
    expect(await read({ surface: "run" }, { person: "confirmed" })).toBe("old")
    expect(await read(mcp(false))).toBe("UNCONFIRMED")
    expect(await read(mcp(true))).toBe("old")
  })

  test("lifts nothing that is denied", async () => {
    await policy(["confirm", "true"], ["deny", "true"])
    expect(await read({ surface: "cli" }, { person: "confirmed" })).toBe("POLICY_REFUSED")
    expect(await read(mcp(true))).toBe("POLICY_REFUSED")
  })
})

test("a program that lives for days asks the policy that is signed now", async () => {
  await policy(["allow", "true"])
  await using vault = await openVault({ dir: world.top, agent: "ci", env: world.env, audit: false })
  const get = (): Promise<string> => outcome(vault.get(NAME).then((value) => value.reveal()))
  expect([await get(), await get()]).toEqual(["old", "old"])
  await policy(["allow", "true"], ["deny", 'door == "sdk"'])
  expect([await get(), await get()]).toEqual(["POLICY_REFUSED", "POLICY_REFUSED"])
  await policy(["allow", "true"])
  expect(await get()).toBe("old")
  rmSync(join(world.top, ".agent-vault", "policy.json"))
  expect(await get()).toBe("DIGEST_MISMATCH")
})

describe("the broker", () => {
  const sending = {
    host: "api.pay.test",
    port: 443,
    method: "GET",
    path: "/v1/a",
    at: "header:authorization",
  } as const

  /** How often a person is asked, and what comes of sending it if they agreed to so much. */
  async function sent(agreed: Use["ask"] = "never", changes = {}): Promise<readonly string[]> {
    const place = findVault(world.vaultFolder)
    const key = await identityAt(place, { agent: "ci" }, "never", world.env, () =>
      Promise.resolve(""),
    )
    const request = { place, key, env: world.env, audit: noAudit() }
    const name = parseSecretName(NAME)
    const vault = await openBrokered(request, [name])
    const there = { ...sending, ...changes }
    const bound = await vault.bound()
    const [rule] = bound.get(NAME)?.uses ?? []
    if (rule === undefined) throw new TypeError("it has a rule")
    const ask = await outcome(Promise.resolve().then(() => askOf(bound, NAME, rule, there)))
    const terms = { isAgreed: (_secret: string, asked: Use["ask"]) => asked === agreed, request: 1 }
    const value = await outcome(
      vault
        .send([{ name, sending: there }], terms)
        .then(([found]) => Buffer.from(found?.value ?? []).toString()),
    )
    expect((await vault.values()).map(({ value: each }) => Buffer.from(each).toString())).toEqual([
      "old",
    ])
    vault.close()
    return [ask, value]
  }

  test("asks it about host, method and canonical path of each request", async () => {
    await policy(
      ["allow", 'door == "broker" && request.host == "api.pay.test"'],
      ["deny", 'request.method == "DELETE" || request.path.startsWith("/v1/admin")'],
    )
    expect(await sent()).toEqual(["never", "old"])
    expect(await sent("never", { method: "DELETE" })).toEqual(["POLICY_REFUSED", "POLICY_REFUSED"])
    for (const path of ["/v1/admin/x", "/v1/%61dmin/x"]) {
      expect(await sent("never", { path }), path).toEqual(["POLICY_REFUSED", "POLICY_REFUSED"])
    }
    expect(await sent("never", { path: "/v1/x/../admin" })).toEqual(["USE_REFUSED", "USE_REFUSED"])
  })

  test("has a person asked where it says confirm, and sends nothing before", async () => {
    await policy(["allow", "true"], ["confirm", 'request.method == "DELETE"'])
    expect(await sent()).toEqual(["never", "old"])
    expect(await sent("never", { method: "DELETE" })).toEqual(["session", "ASK_REFUSED"])
    expect(await sent("session", { method: "DELETE" })).toEqual(["session", "old"])
  })

  test("is refused where no rule allows it, although the secret's own rule does", async () => {
    await policy(["allow", 'door == "run"'])
    expect(await sent()).toEqual(["POLICY_REFUSED", "POLICY_REFUSED"])
  })
})
