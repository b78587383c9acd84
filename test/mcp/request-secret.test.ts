import { execFileSync } from "node:child_process"
import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { sealedQuickly } from "../core/age/sealed-quickly.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { answerPage, pageOf, readPage } from "./person-at-page.js"
import { done, valuesIn } from "./service.js"
import { Session, type Told } from "./session.js"

const VALUE = ["not", "a", "real", "token", "Rb58sK2vYq"].join("-")
const NAME = "stripe/restricted"
const BRANCH = "agent-vault/request/secret/ci/stripe+restricted"

let template: Machine
let machine: Machine
let session: Session

beforeAll(async () => {
  template = await vaultMachine()
})
beforeEach(() => {
  machine = template.copy()
  // No browser is started: the address of the page stands in stderr.
  for (const display of ["DISPLAY", "WAYLAND_DISPLAY"]) delete machine.env[display]
})
afterEach(async () => {
  await session.client.close()
  expect(valuesIn(`${session.messages.join("\n")}${session.stderr}`, { [NAME]: VALUE })).toEqual([])
  expect(valuesIn(everyAudit(), { [NAME]: VALUE })).toEqual([])
  machine.remove()
})
afterAll(() => template.remove())

async function open(...args: readonly string[]): Promise<void> {
  session = await Session.open(machine, ["--agent", "ci", ...args])
}

function ask(args: Record<string, unknown> = {}): Promise<Told> {
  const given = { secret: NAME, why: "the refund script fails without it", ...args }
  return session.call("request_secret", given)
}

function everyAudit(): string {
  const state = join(machine.home, ".local", "state")
  const files = readdirSync(state, { recursive: true, encoding: "utf8" })
  return files
    .filter((path) => path.endsWith(".jsonl"))
    .map((path) => readFileSync(join(state, path), "utf8"))
    .join("\n")
}

function removeOwnerKey(): void {
  execFileSync("find", [join(machine.home, ".config"), "-name", "owner.key", "-delete"])
}

describe("a missing secret, where an owner's key is", () => {
  test("is entered at a page, and stored with what the person was shown", async () => {
    await open("--blind")
    const missing = await session.call("http_request", {
      url: "https://api.stripe.com/v1/refunds",
      headers: [`Authorization: Bearer {{${NAME}}}`],
    })
    expect(missing.document).toMatchObject({
      error: {
        code: "SECRET_NOT_FOUND",
        hint: expect.stringContaining("request_secret asks for a missing one") as string,
      },
    })
    const answer = ask({ service: "stripe" })
    const url = await pageOf(session)
    const { text } = await readPage(url)
    for (const shown of [
      NAME,
      "a client, as the agent ci",
      "the refund script",
      "api.stripe.com",
    ]) {
      expect(text).toContain(shown)
    }
    expect(text).toContain("Who opens stripe can use it: ci.")
    expect(await answerPage(url, { answer: "value", value: VALUE })).toContain("handed the value")
    const { isError, document } = await answer
    expect([isError, document]).toEqual([
      false,
      {
        is: "stored",
        secret: NAME,
        version: 1,
        readable: true,
        use: expect.objectContaining({ env: "STRIPE_RESTRICTED" }) as object,
        next: "use it with http_request, or with use.command",
      },
    ])
    expect(await done(machine, ["get", NAME, "--agent", "ci"])).toBe(VALUE)
    expect(await done(machine, ["use", NAME, "--list"])).toContain("api.stripe.com")
    expect(machine.git("log", "-1", "--format=%s")).toBe(`agent-vault: set ${NAME}`)
    expect(machine.git("status", "--porcelain")).toBe("")
    expect((await ask()).document).toMatchObject({ is: "there", version: 1, readable: true })
    // The page was for one answer.
    await expect(readPage(url)).rejects.toThrow()
  })

  test("that a person refuses is not asked for again", async () => {
    await open()
    const head = machine.git("rev-parse", "HEAD")
    const answer = ask()
    await answerPage(await pageOf(session), { answer: "no" })
    const refused = await answer
    expect(refused).toMatchObject({
      isError: true,
      document: {
        error: {
          code: "ASK_REFUSED",
          message: `${NAME} was not entered: the person said no`,
          hint: expect.stringContaining("do not ask again") as string,
        },
      },
    })
    expect(await ask()).toEqual(refused)
    expect(machine.git("rev-parse", "HEAD")).toBe(head)
    expect(machine.git("branch", "--list", "agent-vault/*")).toBe("")
  })

  test("that somebody else sets meanwhile is not replaced", async () => {
    await open()
    const answer = ask()
    const url = await pageOf(session)
    const theirs = ["another", "value"].join("-")
    await done(machine, ["set", NAME], theirs)
    expect((await answer).document).toMatchObject({ is: "stored", version: 1 })
    // Nobody is asked any more for what is there.
    await expect(answerPage(url, { answer: "value", value: VALUE })).rejects.toThrow()
    expect(await done(machine, ["get", NAME, "--agent", "ci"])).toBe(theirs)
  })

  test("is asked for at no form of the client, and under a harness the page is the person's word", async () => {
    machine.env["CLAUDECODE"] = "1"
    session = await Session.open(machine, ["--agent", "ci"], () => ({
      action: "accept",
      content: { answer: "once" },
    }))
    const answer = ask({ service: "stripe" })
    await answerPage(await pageOf(session), { answer: "value", lines: `${VALUE}\r\nline two` })
    expect((await answer).document).toMatchObject({ is: "stored" })
    expect(session.questions).toEqual([])
    expect(await done(machine, ["get", NAME, "--agent", "ci"])).toBe(`${VALUE}\nline two`)
  })

  test("of a group that is new or closed says what to ask for next", async () => {
    await open()
    const answer = ask({ secret: "github/token" })
    const url = await pageOf(session)
    expect((await readPage(url)).text).toContain("no agent opens it yet")
    await answerPage(url, { answer: "value", value: VALUE })
    const next = "it is closed to this agent: call request_access for github"
    expect((await answer).document).toMatchObject({ is: "stored", readable: false, next })
    expect((await ask({ secret: "db/password" })).document).toMatchObject({
      is: "there",
      readable: false,
      next: "it is closed to this agent: call request_access for db",
    })
  })

  test("is not asked for where it could not be stored, or means nothing", async () => {
    machine.git("checkout", "--quiet", "--detach")
    await open()
    const codes: [Record<string, unknown>, string][] = [
      [{}, "REPOSITORY_STATE"],
      [{ service: "no-such-service" }, "SERVICE_NOT_FOUND"],
      [{ secret: "stripe" }, "NAME_INVALID"],
      [{ why: "  " }, "USAGE"],
    ]
    for (const [args, code] of codes) {
      expect((await ask(args)).document).toMatchObject({ error: { code } })
    }
    expect(session.stderr).not.toContain("http://")
  })
})

describe("a missing secret, where no owner's key can be used", () => {
  test("is a wish for an owner, who is told who asks, why and for what", async () => {
    removeOwnerKey()
    await open()
    const before = [machine.git("status", "--porcelain"), machine.git("rev-parse", "HEAD")]
    const { document } = await ask({ service: "stripe" })
    expect(document).toMatchObject({
      is: "asked",
      secret: NAME,
      branch: BRANCH,
      pushed: false,
      owner: [`agent-vault set ${NAME} --use stripe`],
      note: expect.stringMatching(
        /only an owner can store it: no owner's key is on this/,
      ) as string,
    })
    expect([machine.git("status", "--porcelain"), machine.git("rev-parse", "HEAD")]).toEqual(before)
    const added = machine
      .git("diff", "--unified=0", `main...${BRANCH}`)
      .match(/^[+-] .*|^[+-]#.*/gm)
    expect(added).toEqual([
      expect.stringMatching(
        /^\+# ci asks for the secret stripe\/restricted \(service: stripe\) on 20.*Z through a client: the refund script fails without it$/,
      ),
    ])
    expect((await ask({ why: "again" })).document).toMatchObject({ is: "asked-already" })
    machine.git("merge", "--quiet", BRANCH)
    expect((await ask()).document).toMatchObject({
      is: "pending",
      owner: [`agent-vault set ${NAME}`],
    })
    expect(session.stderr).not.toContain("http://")
    expect(await done(machine, ["check"])).toBe(await done(template, ["check"]))
  })

  test("is what it comes to behind a passphrase as well", async () => {
    const key = execFileSync("find", [join(machine.home, ".config"), "-name", "owner.key"], {
      encoding: "utf8",
    }).trim()
    writeFileSync(key, await sealedQuickly(readFileSync(key), "correct horse battery"))
    await open()
    expect((await ask()).document).toMatchObject({
      is: "asked",
      note: expect.stringContaining("has a passphrase") as string,
    })
    expect(session.stderr).not.toContain("http://")
  })
})
