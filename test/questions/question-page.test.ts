import { spawn } from "node:child_process"
import { once } from "node:events"
import { type IncomingMessage, type RequestOptions, ServerResponse, request } from "node:http"
import { connect } from "node:net"
import { text } from "node:stream/consumers"
import { describe, expect, test, vi } from "vitest"
import type { ChoiceQuestion, PersonAnswer, Question } from "../../src/questions/question.js"
import { askOnPage } from "../../src/questions/question-page.js"
import { TO_CHOOSE, TO_ENTER } from "./asked.js"

/** A question that is open. */
async function asked(question: Question = TO_CHOOSE, signal = new AbortController().signal) {
  let answer: Promise<PersonAnswer> | undefined
  const url = await new Promise<string>((resolve) => {
    const tell = (told: string): boolean => {
      resolve(told)
      return true
    }
    answer = askOnPage(tell)(question, signal, Date.now() + 60_000)
  })
  return { url, answer }
}

const pathOf = (url: string): string => new URL(url).pathname.slice(1)

interface Sent extends RequestOptions {
  readonly body?: string
}

async function send(url: string, { body = "", ...options }: Sent = {}) {
  const sent = request(url, { agent: false, ...options })
  sent.end(body)
  const [response] = (await once(sent, "response")) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, page: await text(response) }
}

async function tokenOf(url: string): Promise<string> {
  const { page } = await send(url)
  return /name="token" value="([^"]+)"/.exec(page)?.[1] ?? ""
}

/** What a browser sends that posts the form of the page. */
function form(url: string, fields: Readonly<Record<string, string>>, headers = {}): Sent {
  const body = new URLSearchParams(fields).toString()
  const type = "application/x-www-form-urlencoded"
  const own = { origin: new URL(url).origin, "content-type": type, "sec-fetch-site": "same-origin" }
  const length = { "content-length": Buffer.byteLength(body) }
  return { method: "POST", body, headers: { ...length, ...own, ...headers } }
}

/** Says no, so that nothing stays open. */
async function end({ url, answer }: Awaited<ReturnType<typeof asked>>): Promise<void> {
  await send(url, form(url, { token: await tokenOf(url), answer: "no" }))
  expect(await answer).toEqual({ choice: "no" })
}

describe("a question on a page", () => {
  test.each([
    ["once", "You said yes, once"],
    ["session", "You said yes, for this session"],
    ["no", "You said no"],
    ["no-more", "You said no, for this session"],
  ])("takes the answer %s, one time, and is gone", async (choice, words) => {
    const { url, answer } = await asked()
    const token = await tokenOf(url)
    expect((await send(url, form(url, { token, answer: choice }))).page).toContain(words)
    expect(await answer).toEqual({ choice })
    // Replayed.
    await expect(send(url, form(url, { token, answer: "once" }))).rejects.toThrow("ECONNREFUSED")
  })

  test("takes an answer whose question is over as the page is on its way back", async () => {
    const over = new AbortController()
    const { url, answer } = await asked(TO_CHOOSE, over.signal)
    const token = await tokenOf(url)
    const ends = vi.spyOn(ServerResponse.prototype, "end").mockImplementationOnce(function (
      this: ServerResponse,
      page: string,
    ) {
      over.abort()
      return this.end(page)
    })
    const { page } = await send(url, form(url, { token, answer: "no-more" }))
    ends.mockRestore()
    expect(page).toContain("You said no, for this session")
    expect(await answer).toEqual({ choice: "no-more" })
  })

  test("shows all of it, as text, and loads nothing from elsewhere", async () => {
    const open = await asked()
    const { page, headers } = await send(open.url)
    for (const fact of ["stripe/api-key", "POST", "api.stripe.test", TO_CHOOSE.request.body]) {
      expect(page).toContain(fact)
    }
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;&quot;\\u{202e}&amp;")
    expect(page).toContain("&lt;img src=x onerror=alert(1)&gt;")
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page).not.toMatch(/<[^>]*\s(?:src|href)=|https?:|@import|url\(/)
    const policy = headers["content-security-policy"]
    expect(policy).toMatch(/default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+';/)
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain("unsafe")
    expect(headers["cache-control"]).toBe("no-store")
    expect(headers["referrer-policy"]).toBe("same-origin")
    await end(open)
  })

  test("has an address that nobody guesses", async () => {
    const [one, other] = [await asked(), await asked()]
    expect(Buffer.from(pathOf(one.url), "base64url")).toHaveLength(32)
    expect(pathOf(one.url)).not.toBe(pathOf(other.url))
    expect(new URL(one.url).hostname).toBe("127.0.0.1")
    await end(one)
    await end(other)
  })

  test("takes no answer but that of its own form", async () => {
    const open = await asked()
    const { url } = open
    const token = await tokenOf(url)
    const { origin, port } = new URL(url)
    const yes = (headers = {}): Sent => form(url, { token, answer: "once" }, headers)
    const body = yes().body ?? ""
    const more = (added: string): Sent => {
      const whole = `${body}${added}`
      return { ...yes({ "content-length": whole.length }), body: whole }
    }
    const long = "x".repeat(2000)
    const tried: readonly (readonly [what: string, url: string, sent: Sent, status: number])[] = [
      ["another token", url, form(url, { token: `${token.slice(1)}A`, answer: "once" }), 403],
      ["no token", url, form(url, { answer: "once" }), 403],
      ["both answers", url, more("&answer=no"), 403],
      ["another answer", url, form(url, { token, answer: "yes" }), 403],
      ["the answer to another kind", url, form(url, { token, answer: "value", value: "a" }), 403],
      ["another origin", url, yes({ origin: "http://evil.test" }), 403],
      ["another port's origin", url, yes({ origin: "http://127.0.0.1:1" }), 403],
      ["an origin withheld", url, yes({ origin: "null" }), 403],
      ["a browser's word for another site", url, yes({ "sec-fetch-site": "cross-site" }), 403],
      ["another type", url, yes({ "content-type": "text/plain" }), 403],
      ["a body that is too long", url, more(`&x=${long}`), 413],
      ["a name that leads here", url, yes({ host: `rebound.test:${port}` }), 404],
      ["localhost", url, yes({ host: `localhost:${port}` }), 404],
      ["another path", `${origin}/`, yes(), 404],
      ["a path below", `${url}/`, yes(), 404],
      ["the answer in a query", `${url}?token=${token}&answer=once`, {}, 404],
      ["PUT", url, { ...yes(), method: "PUT" }, 405],
      ["HEAD", url, { method: "HEAD" }, 405],
    ]
    for (const [what, at, sent, status] of tried) {
      expect((await send(at, sent)).status, what).toBe(status)
    }
    const { origin: _none, ...without } = yes().headers as Record<string, string>
    expect((await send(url, { ...yes(), headers: without })).status, "no origin").toBe(403)
    const { "content-length": _length, ...endless } = yes().headers as Record<string, string>
    const chunked = { ...endless, "transfer-encoding": "chunked" }
    expect((await send(url, { ...yes(), headers: chunked })).status, "no length").toBe(413)
    // All of that was no answer, and the person is still asked.
    await end(open)
  })

  test("takes no answer for the session that it does not offer", async () => {
    const yes = { once: "for this request alone" }
    const each: ChoiceQuestion = { ...TO_CHOOSE, yes, noMore: undefined }
    const open = await asked(each)
    const token = await tokenOf(open.url)
    const { page } = await send(open.url)
    expect(page).not.toContain("for this session")
    for (const answer of ["session", "no-more"]) {
      const forged = await send(open.url, form(open.url, { token, answer }))
      expect(forged.status, answer).toBe(403)
    }
    await end(open)
  })

  test("is over with its time, and gone", async () => {
    const time = new AbortController()
    const { url, answer } = await asked(TO_CHOOSE, time.signal)
    time.abort()
    expect(await answer).toEqual({ without: "timeout" })
    await expect(send(url)).rejects.toThrow("ECONNREFUSED")
  })

  test("is not asked where nobody hears of it", async () => {
    const { signal } = new AbortController()
    const answer = await askOnPage(() => false)(TO_CHOOSE, signal, Date.now() + 60_000)
    expect(answer).toEqual({ without: "unsupported" })
  })

  test("does not wait for who connects and says nothing", async () => {
    const { url, answer } = await asked()
    const silent = connect(Number(new URL(url).port), "127.0.0.1")
    await once(silent, "connect")
    const gone = once(silent, "close")
    silent.on("error", () => {})
    await send(url, form(url, { token: await tokenOf(url), answer: "once" }))
    expect(await answer).toEqual({ choice: "once" })
    await gone
  })

  const canBeOther = process.platform === "linux" && process.getuid?.() === 0
  test.skipIf(!canBeOther)(
    "is for this user alone, even for whoever knows the address",
    async () => {
      const open = await asked()
      // Not `fetch`: in Node 20 it never ends where a connection is closed before it has written.
      const script = `require("http").get(${JSON.stringify(open.url)}, (r) => r.pipe(process.stdout)).once("error", () => console.log("cut"))`
      const other = spawn(process.execPath, ["-e", script], {
        uid: 65534,
        gid: 65534,
        cwd: "/",
        env: {},
        stdio: ["ignore", "pipe", "inherit"],
      })
      expect((await text(other.stdout)).trim()).toBe("cut")
      await end(open)
    },
  )
})

describe("a question for a value", () => {
  const PEM = "-----BEGIN FAKE-----\r\nMIIB\r\n-----END FAKE-----\r\n"

  test.each([
    ["one line", { value: " pass&word=ü " }, " pass&word=ü "],
    ["several lines", { value: "", lines: PEM }, PEM.replaceAll("\r\n", "\n")],
  ])("takes %s, and does not show it again", async (_what, fields, value) => {
    const { url, answer } = await asked(TO_ENTER)
    const token = await tokenOf(url)
    const { page } = await send(url, form(url, { token, answer: "value", ...fields }))
    expect(page).toContain("You handed the value over")
    expect(page).not.toContain(value.trim())
    const said = await answer
    expect(Buffer.from(said && "value" in said ? said.value : []).toString()).toBe(value)
  })

  test.each([
    ["nothing", {}, 422, "Nothing was entered"],
    ["two values", { value: "test-only-a", lines: "test-only-b" }, 422, "Both fields have a value"],
    ["one that is too large", { lines: "x".repeat(65_537) }, 422, "more than 65536 bytes"],
    ["far too much", { lines: "x".repeat(300_000) }, 413, "too long"],
  ])("says what is wrong with %s, and asks again", async (_what, fields, status, told) => {
    const open = await asked(TO_ENTER)
    const token = await tokenOf(open.url)
    const sent = await send(open.url, form(open.url, { token, answer: "value", ...fields }))
    expect(sent.status).toBe(status)
    expect(sent.page).toContain(told)
    expect(sent.page).not.toContain("test-only")
    await end(open)
  })

  test("takes no yes", async () => {
    const open = await asked(TO_ENTER)
    const token = await tokenOf(open.url)
    const yes = form(open.url, { token, answer: "once", value: "a" })
    expect((await send(open.url, yes)).status).toBe(403)
    await end(open)
  })
})
