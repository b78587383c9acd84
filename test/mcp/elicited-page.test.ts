import { EventEmitter, once } from "node:events"
import {
  ElicitationCompleteNotificationSchema,
  type ElicitRequest,
  type ElicitResult,
} from "@modelcontextprotocol/sdk/types.js"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { Service } from "../broker/proxy/broker-world.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { HttpClient, Listening } from "./listening.js"
import { answerPage, pageOf, readPage } from "./person-at-page.js"
import { done, serviceFor, valuesIn } from "./service.js"
import { PATIENT, type Person, type Said, Session, type Told } from "./session.js"

const VALUE = ["not", "a", "real", "token", "Jq71vD4mXe"].join("-")
const KEY = ["not", "a", "real", "key", "Hd62bT9kLw"].join("-")
const NAME = "stripe/restricted"
const WHY = "the refund script fails without it"
const YES: ElicitResult = { action: "accept" }
const PAGE = /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}$/
const BOTH = { form: {}, url: {} }

let machine: Machine
let service: Service | undefined
const closing: (() => unknown)[] = []
beforeEach(async () => {
  machine = await vaultMachine()
  for (const display of ["DISPLAY", "WAYLAND_DISPLAY"]) delete machine.env[display]
})
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
  service?.close()
  service = undefined
  machine.remove()
})

/** A client of either transport, and what it was told. */
interface Connected {
  readonly client: Session["client"]
  readonly call: (name: string, args: Record<string, unknown>) => Promise<Told>
  /** Every request for the person. */
  readonly asked: ElicitRequest["params"][]
  /** The ids of what the server calls complete. */
  readonly complete: string[]
  readonly stderr: () => string
}

type Connect = (
  person: Person,
  elicitation?: NonNullable<Said["elicitation"]>,
  ...args: string[]
) => Promise<Connected>

function remembering(person: Person) {
  const asked: ElicitRequest["params"][] = []
  const remembers: Person = (question, params) => {
    asked.push(params)
    return person(question, params)
  }
  return { asked, remembers }
}

function heard(client: Session["client"]): string[] {
  const complete: string[] = []
  client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => {
    complete.push(params.elicitationId)
  })
  return complete
}

let session: Session
const overStdio: Connect = async (person, elicitation = { url: {} }, ...args) => {
  const { asked, remembers } = remembering(person)
  session = await Session.open(machine, ["--agent", "ci", ...args], remembers, { elicitation })
  const { client } = session
  closing.push(() => client.close())
  return {
    client,
    asked,
    complete: heard(client),
    call: (name, given) => session.call(name, given),
    stderr: () => session.stderr,
  }
}

const overHttp: Connect = async (person, elicitation = { url: {} }, ...args) => {
  const { asked, remembers } = remembering(person)
  const listening = await Listening.open(machine, ...args)
  closing.push(() => listening.signal("SIGTERM"))
  const http = await HttpClient.open(listening, remembers, { elicitation })
  closing.push(() => http.client.close())
  return {
    client: http.client,
    asked,
    complete: heard(http.client),
    call: (name, given) => http.call(name, given),
    stderr: () => listening.stderr.replace(listening.url, ""),
  }
}

/** A person who opens the page that their client shows, and answers there. */
function answering(answer: Readonly<Record<string, string>>, texts: string[] = []): Person {
  return (_question, params) => {
    const { url = "" } = params as { url?: string }
    // A client says yes as it opens the page, not when the page is answered.
    void readPage(url).then(({ text }) => {
      texts.push(text)
      return answerPage(url, answer)
    })
    return YES
  }
}

async function use(...rule: readonly string[]): Promise<string> {
  service = await serviceFor(machine)
  service.handler = (_request, response) => response.end("ok")
  await done(machine, ["set", "stripe/api-key"], KEY)
  const where = ["--host", service.authority, "--method", "GET", "--path", "/v1/**"]
  const how = ["--at", "header:authorization", "--scheme", "bearer"]
  await done(machine, ["use", "stripe/api-key", ...where, ...how, ...rule, "--yes"])
  return `https://${service.authority}/v1/x`
}

describe.each([
  ["over stdio", overStdio],
  ["over HTTP", overHttp],
] as const)("a client that opens pages, %s", (_how, connect) => {
  test("has its person enter a missing secret there, and has no value in any message", async () => {
    const texts: string[] = []
    const at = await connect(answering({ answer: "value", value: VALUE }, texts), BOTH, "--blind")
    const told = await at.call("request_secret", { secret: NAME, why: WHY, service: "stripe" })
    expect(told).toMatchObject({ isError: false, document: { is: "stored", version: 1 } })
    expect(await done(machine, ["get", NAME, "--agent", "ci"])).toBe(VALUE)
    const [params] = at.asked
    expect(at.asked).toHaveLength(1)
    expect(params).toMatchObject({
      mode: "url",
      url: expect.stringMatching(PAGE) as string,
      message: expect.stringContaining(NAME) as string,
    })
    expect(params).not.toHaveProperty("requestedSchema")
    expect(at.complete).toEqual([(params as { elicitationId: string }).elicitationId])
    for (const shown of ["a client, as the agent ci", "the refund script", "api.stripe.com"]) {
      expect(texts[0]).toContain(shown)
    }
    // Nobody is asked at a second page.
    expect(at.stderr()).not.toContain("http://")
    const said = JSON.stringify([at.asked, at.complete, told])
    expect(valuesIn(`${said}${at.stderr()}`, { [NAME]: VALUE })).toEqual([])
    // The page was for one answer.
    await expect(readPage((params as { url: string }).url)).rejects.toThrow()
  })

  test("has its person say no there, which holds as long as the server runs", async () => {
    const at = await connect(answering({ answer: "no" }))
    const first = await at.call("request_secret", { secret: NAME, why: WHY })
    expect(first.document).toMatchObject({
      error: { code: "ASK_REFUSED", message: expect.stringContaining("said no") as string },
    })
    expect(await at.call("request_secret", { secret: NAME, why: WHY })).toEqual(first)
    expect(at.asked).toHaveLength(1)
  })

  test("and has no forms, has a rule that asks answered there", async () => {
    const url = await use("--ask", "each")
    const at = await connect(answering({ answer: "once" }), { url: {} }, "--blind")
    const { document } = await at.call("http_request", { url })
    expect(document).toMatchObject({ status: 200, body: "ok" })
    const [params] = at.asked
    expect(params).toMatchObject({
      mode: "url",
      message: expect.stringMatching(/May stripe\/api-key be sent\?.*GET api\.localhost/) as string,
    })
    expect(at.complete).toEqual([(params as { elicitationId: string }).elicitationId])
    expect(at.stderr()).not.toContain("http://127")
  })

  test("and has forms too, has a rule that asks answered in its form", async () => {
    const url = await use("--ask", "each")
    const at = await connect(() => ({ action: "accept", content: { answer: "once" } }), BOTH)
    expect((await at.call("http_request", { url })).document).toMatchObject({ status: 200 })
    expect(at.asked).toMatchObject([{ requestedSchema: { properties: { answer: {} } } }])
  })

  test("and has no forms, has it answered there whether a value is shown", async () => {
    await done(machine, ["set", "stripe/api-key"], KEY)
    const texts: string[] = []
    const at = await connect(answering({ answer: "session" }, texts))
    for (let call = 0; call < 2; call += 1) {
      const { document } = await at.call("get_secret", { name: "stripe/api-key" })
      expect(document).toMatchObject({ value: KEY })
    }
    expect(at.asked).toMatchObject([{ mode: "url" }])
    expect(texts[0]).toContain("Show the secret stripe/api-key to the model?")
    expect(texts[0]).toContain("as long as this server runs")
    expect(texts[0]).toContain("nothing is shown")
  })
})

describe("a client that opens pages", () => {
  // Claude Code and Codex do so where they were started without a terminal.
  test.each(["decline", "cancel"] as const)(
    "and answers with %s itself is not the person: they are asked at our own page",
    async (action) => {
      const at = await overStdio(() => ({ action }))
      const answer = at.call("request_secret", { secret: NAME, why: WHY })
      await answerPage(await pageOf(session), { answer: "value", value: VALUE })
      expect((await answer).document).toMatchObject({ is: "stored" })
      const [params] = at.asked
      await expect(readPage((params as { url: string }).url)).rejects.toThrow()
    },
  )

  test("and declines where a rule asks sends nothing", async () => {
    const url = await use("--ask", "each")
    const at = await overStdio(() => ({ action: "decline" }))
    const { document } = await at.call("http_request", { url })
    expect(document).toMatchObject({ error: { code: "ASK_REFUSED" } })
    expect(service?.got).toEqual([])
    expect(at.stderr()).not.toContain("http://127")
  })

  test("and breaks is passed by", async () => {
    const at = await overStdio(() => {
      throw new Error("no browser")
    })
    const answer = at.call("request_secret", { secret: NAME, why: WHY })
    await answerPage(await pageOf(session), { answer: "value", value: VALUE })
    expect((await answer).document).toMatchObject({ is: "stored" })
  })

  test("need not have answered when its person has", async () => {
    const person = new EventEmitter()
    const answered = once(person, "answer").then(([result]) => result as ElicitResult)
    const at = await overStdio((_question, params) => {
      void answerPage((params as { url: string }).url, { answer: "value", value: VALUE })
      return answered
    })
    const { document } = await at.call("request_secret", { secret: NAME, why: WHY })
    expect(document).toMatchObject({ is: "stored" })
    expect(at.complete).toHaveLength(1)
    person.emit("answer", YES)
    expect((await at.call("describe_access", {})).isError).toBe(false)
  })

  test("takes the page away with its call", async () => {
    const opened = new EventEmitter()
    const at = await overStdio((_question, params) => {
      opened.emit("page", (params as { url: string }).url)
      return YES
    })
    const page = once(opened, "page") as Promise<[string]>
    const ending = new AbortController()
    const call = { name: "request_secret", arguments: { secret: NAME, why: WHY } }
    const answer = at.client.callTool(call, undefined, { ...PATIENT, signal: ending.signal })
    const [url] = await page
    expect((await readPage(url)).text).toContain(NAME)
    ending.abort()
    await expect(answer).rejects.toThrow()
    // The server has heard of it before it answers the next call.
    await at.call("describe_access", {})
    await expect(readPage(url)).rejects.toThrow()
    expect(at.complete).toEqual([])
  })
})
