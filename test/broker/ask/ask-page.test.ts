import { spawn } from "node:child_process"
import { once } from "node:events"
import { type IncomingMessage, type RequestOptions, request } from "node:http"
import { connect } from "node:net"
import { text } from "node:stream/consumers"
import { describe, expect, test } from "vitest"
import { askOnPage } from "../../../src/broker/ask/ask-page.js"
import type { Question } from "../../../src/broker/proxy/asking.js"

const QUESTION: Question = {
  secret: "stripe/api-key",
  method: "POST",
  target: { host: "api.stripe.test", port: 443 },
  path: '/v1/<script>alert(1)</script>"\u202e&',
  bodyDigest: `sha256:${"0".repeat(64)}`,
}

/** A question that is open. */
async function asked(signal = new AbortController().signal) {
  let answer: Promise<boolean> | undefined
  const url = await new Promise<string>((resolve) => {
    answer = askOnPage(resolve)(QUESTION, signal)
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
function form(url: string, token: string, answer: string, headers = {}): Sent {
  const body = new URLSearchParams({ token, answer }).toString()
  const type = "application/x-www-form-urlencoded"
  const own = { origin: new URL(url).origin, "content-type": type, "sec-fetch-site": "same-origin" }
  return { method: "POST", body, headers: { ...own, ...headers } }
}

describe("a question on a page", () => {
  test.each([
    ["yes", true],
    ["no", false],
  ])("takes the answer %s, once, and is gone", async (word, isYes) => {
    const { url, answer } = await asked()
    const token = await tokenOf(url)
    expect((await send(url, form(url, token, word))).page).toContain(`You said ${word}`)
    expect(await answer).toBe(isYes)
    // Replayed.
    await expect(send(url, form(url, token, "yes"))).rejects.toThrow("ECONNREFUSED")
  })

  test("shows all of it, as text, and loads nothing", async () => {
    const { url, answer } = await asked()
    const { page, headers } = await send(url)
    for (const fact of [QUESTION.secret, "POST", "api.stripe.test", QUESTION.bodyDigest ?? ""]) {
      expect(page).toContain(fact)
    }
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;&quot;\\u{202e}&amp;")
    expect(page).not.toContain("<script")
    expect(headers["content-security-policy"]).toContain("default-src 'none'")
    expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'")
    expect(headers["cache-control"]).toBe("no-store")
    await send(url, form(url, await tokenOf(url), "no"))
    expect(await answer).toBe(false)
  })

  test("has an address that nobody guesses", async () => {
    const [one, other] = [await asked(), await asked()]
    expect(Buffer.from(pathOf(one.url), "base64url")).toHaveLength(32)
    expect(pathOf(one.url)).not.toBe(pathOf(other.url))
    expect(new URL(one.url).hostname).toBe("127.0.0.1")
    for (const { url, answer } of [one, other]) {
      await send(url, form(url, await tokenOf(url), "no"))
      expect(await answer).toBe(false)
    }
  })

  test("takes no answer but that of its own form", async () => {
    const { url, answer } = await asked()
    const token = await tokenOf(url)
    const { origin, port } = new URL(url)
    const yes = (headers = {}): Sent => form(url, token, "yes", headers)
    const [other] = yes().body?.split("&").slice(1) ?? []
    const tried: readonly (readonly [what: string, url: string, sent: Sent, status: number])[] = [
      ["another token", url, form(url, `${token.slice(1)}A`, "yes"), 403],
      ["no token", url, { ...yes(), body: other ?? "" }, 403],
      ["both answers", url, { ...yes(), body: `${yes().body}&answer=no` }, 403],
      ["another answer", url, form(url, token, "Yes"), 403],
      ["another origin", url, yes({ origin: "http://evil.test" }), 403],
      ["another port's origin", url, yes({ origin: "http://127.0.0.1:1" }), 403],
      ["an origin withheld", url, yes({ origin: "null" }), 403],
      ["a browser's word for another site", url, yes({ "sec-fetch-site": "cross-site" }), 403],
      ["another type", url, yes({ "content-type": "text/plain" }), 403],
      ["a body without end", url, { ...yes(), body: `${yes().body}&x=${"x".repeat(2000)}` }, 403],
      ["a name that leads here", url, yes({ host: `rebound.test:${port}` }), 404],
      ["localhost", url, yes({ host: `localhost:${port}` }), 404],
      ["another path", `${origin}/`, yes(), 404],
      ["a path below", `${url}/`, yes(), 404],
      ["the answer in a query", `${url}?token=${token}&answer=yes`, {}, 404],
      ["PUT", url, { ...yes(), method: "PUT" }, 405],
      ["HEAD", url, { method: "HEAD" }, 405],
    ]
    for (const [what, at, sent, status] of tried) {
      expect((await send(at, sent)).status, what).toBe(status)
    }
    const { origin: _none, ...without } = yes().headers as Record<string, string>
    expect((await send(url, { ...yes(), headers: without })).status, "no origin").toBe(403)
    // All of that was no answer, and the person is still asked.
    await send(url, form(url, token, "no"))
    expect(await answer).toBe(false)
  })

  test("is no when its time is over, and gone", async () => {
    const time = new AbortController()
    const { url, answer } = await asked(time.signal)
    time.abort()
    expect(await answer).toBe(false)
    await expect(send(url)).rejects.toThrow("ECONNREFUSED")
  })

  test("does not wait for who connects and says nothing", async () => {
    const { url, answer } = await asked()
    const silent = connect(Number(new URL(url).port), "127.0.0.1")
    await once(silent, "connect")
    const gone = once(silent, "close")
    silent.on("error", () => {})
    await send(url, form(url, await tokenOf(url), "yes"))
    expect(await answer).toBe(true)
    await gone
  })

  const canBeOther = process.platform === "linux" && process.getuid?.() === 0
  test.skipIf(!canBeOther)(
    "is for this user alone, even for whoever knows the address",
    async () => {
      const { url, answer } = await asked()
      const token = await tokenOf(url)
      const script = `fetch(${JSON.stringify(url)}).then((r) => r.text()).then(console.log, () => console.log("cut"))`
      const other = spawn(process.execPath, ["-e", script], {
        uid: 65534,
        gid: 65534,
        cwd: "/",
        env: {},
        stdio: ["ignore", "pipe", "inherit"],
      })
      expect((await text(other.stdout)).trim()).toBe("cut")
      await send(url, form(url, token, "no"))
      expect(await answer).toBe(false)
    },
  )
})
