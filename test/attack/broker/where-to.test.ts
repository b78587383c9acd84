import { expect, test } from "vitest"
import { Reader, basic, refusalIn, setUse, useAt } from "../../broker/proxy/broker-world.js"
import { KEY, Stage, VALUE, expectNone } from "./stage.js"

// Attacks on where a request goes. Those of test/broker/proxy/order.test.ts ("where a request
// goes"), test/core/target and test/broker/proxy/tunnel.test.ts are not repeated here.

const stage = Stage.forTests()

/** What the broker itself says to bytes; `TOKEN` and `HOST` stand for what they are. */
async function answerTo(bytes: string): Promise<[number, string, number]> {
  const socket = await stage.broker.dial()
  const shown = `Proxy-Authorization: Basic ${basic(stage.broker.token)}`
  socket.write(
    Buffer.from(
      bytes.replaceAll("TOKEN", shown).replaceAll("HOST", stage.service.authority),
      "latin1",
    ),
  )
  const reply = await new Reader(socket).reply()
  socket.destroy()
  return stage.told(reply)
}

test.each([
  "127.1:443",
  "127.0.1:80",
  "0x7f000001:443",
  "0x7f.0.0.1:443",
  "0177.0.0.1:443",
  "017700000001:443",
  "2130706433:443",
  "0:443",
  "[::1]:443",
  "[::]:443",
  "[::127.0.0.1]:443",
  "[::ffff:127.0.0.1]:443",
  "[::ffff:7f00:1]:443",
  "[64:ff9b::7f00:1]:443",
  "[2002:7f00:1::]:443",
  "localhost:443",
  "LOCALHOST.:443",
  "a.localhost:443",
])("this machine as %s is refused, though all hosts are let through", async (authority) => {
  await stage.start({ unbound: "tunnel", resolve: () => Promise.resolve(["127.0.0.1"]) })
  const { socket, reply } = await stage.broker.connect(authority)
  socket.destroy()
  expect(stage.told(reply)).toEqual([403, "TARGET_REFUSED", 0])
})

test.each([
  ["only there", ["127.0.0.1"]],
  ["there among others", ["::1", "127.0.0.1"]],
  ["there by an address within another", ["::ffff:127.0.0.1"]],
])("a name of somebody's that leads to this machine is refused: %s", async (_what, addresses) => {
  await stage.start({ unbound: "tunnel", resolve: () => Promise.resolve(addresses) })
  const { socket, reply } = await stage.broker.connect("innocent.test:443")
  socket.destroy()
  expect(stage.told(reply)).toEqual([403, "TARGET_REFUSED", 0])
})

test("a wildcard's host that leads to this machine gets nothing", async () => {
  const port = stage.service.authority.split(":")[1] ?? ""
  await stage.start({}, { hosts: [`*.pay.test:${port}`] })
  expect(stage.told(await stage.send())).toEqual([403, "TARGET_REFUSED", 0])
})

test("a name is looked up once for a connection: no second answer is dialled", async () => {
  const answers: string[][] = []
  const resolve = (): Promise<string[]> => {
    // Whoever asks again is led to where nobody listens.
    answers.push([answers.length === 0 ? "127.0.0.1" : "127.0.0.2"])
    return Promise.resolve(answers.at(-1) ?? [])
  }
  await stage.start({ resolve })
  expect((await stage.send()).status).toBe(200)
  expect((await stage.send()).status).toBe(200)
  expect([answers.length, stage.service.connections]).toEqual([1, 1])
})

test.each([
  ["a suffix before it", "xapi.pay.test"],
  ["a prefix after it", "api.pay.test.evil.test"],
  ["in another's label", "api-pay.test"],
  ["only its parent", "pay.test"],
  ["a Cyrillic letter", "xn--pi-6kc.pay.test"],
  ["a user before it", "api.pay.test@evil.test"],
  ["it as a user", "evil.test@api.pay.test"],
  ["a slash in it", "api.pay.test/evil.test"],
  ["a backslash in it", "api.pay.test\\evil.test"],
  ["a percent in it", "api%2epay.test"],
  ["two ports", "api.pay.test:443"],
  ["two dots at its end", "api.pay.test.."],
  ["a NUL written out", "api.pay.test%00.evil.test"],
])("a host like that of a use is another: %s", async (_what, host) => {
  await stage.start()
  const port = stage.service.authority.split(":")[1] ?? ""
  const { socket, reply } = await stage.broker.connect(`${host}:${port}`)
  socket.destroy()
  const [status, code, got] = stage.told(reply)
  expect([`403 TARGET_REFUSED`, `400 REQUEST_REFUSED`]).toContain(`${status} ${code}`)
  expect(got).toBe(0)
})

test.each([
  ["in capitals", (text: string) => text.toUpperCase()],
  ["with a dot at its end", (text: string) => text.replace(":", ".:")],
])("the host of a use is the same host %s, and of its rule", async (_what, written) => {
  await stage.start()
  const reply = await stage.broker.send(
    { host: stage.service.host, authority: written(stage.service.authority) },
    stage.head(),
  )
  expect(reply.status).toBe(200)
  expect(stage.service.got[0]?.request.headers.host).toBe(stage.service.authority)
})

test.each([
  ["origin form", "GET /v1/charges HTTP/1.1\r\nHost: HOST\r\nTOKEN\r\n\r\n"],
  [
    "absolute form for https",
    "GET https://HOST/v1/charges HTTP/1.1\r\nHost: HOST\r\nTOKEN\r\n\r\n",
  ],
  ["another scheme", "GET ftp://HOST/v1/charges HTTP/1.1\r\nHost: HOST\r\nTOKEN\r\n\r\n"],
  ["a user in the target", "GET http://x@HOST/v1/charges HTTP/1.1\r\nHost: HOST\r\nTOKEN\r\n\r\n"],
  ["a CONNECT without a port", "CONNECT api.pay.test HTTP/1.1\r\nHost: HOST\r\nTOKEN\r\n\r\n"],
  ["a CONNECT with a path", "CONNECT HOST/v1 HTTP/1.1\r\nHost: HOST\r\nTOKEN\r\n\r\n"],
  ["a CONNECT with a scheme", "CONNECT https://HOST HTTP/1.1\r\nHost: HOST\r\nTOKEN\r\n\r\n"],
  ["a CONNECT to port 0", "CONNECT api.pay.test:0 HTTP/1.1\r\nHost: HOST\r\nTOKEN\r\n\r\n"],
  [
    "a CONNECT beyond all ports",
    "CONNECT api.pay.test:65979 HTTP/1.1\r\nHost: HOST\r\nTOKEN\r\n\r\n",
  ],
])("the proxy itself refuses %s", async (_what, bytes) => {
  await stage.start({ unbound: "tunnel" })
  const [status, code, got] = await answerTo(bytes)
  expect([400, 403]).toContain(status)
  expect(["REQUEST_REFUSED", "TARGET_REFUSED"]).toContain(code)
  expect(got).toBe(0)
})

test("the broker's own port is refused, also where its address is allowed", async () => {
  await stage.start({ unbound: "tunnel", allowed: ["127.0.0.1"] })
  const { port } = stage.broker.broker
  for (const host of ["127.0.0.1", "localhost", "[::1]"]) {
    const { socket, reply } = await stage.broker.connect(`${host}:${port}`)
    socket.destroy()
    expect(stage.told(reply)).toEqual([403, "TARGET_REFUSED", 0])
  }
})

test("a placeholder in a request to another host than its rule's stays there what it is", async () => {
  await stage.start()
  const body = `{"prompt":"my key is ${stage.broker.of(KEY)}"}`
  const { authority } = stage.elsewhere
  const head = `POST /v1/chat HTTP/1.1\r\nHost: ${authority}\r\nContent-Length: ${body.length}`
  expect((await stage.broker.send(stage.elsewhere, head, body)).status).toBe(200)
  expect(stage.elsewhere.got[0]?.body.toString()).toBe(body)
})

test("a host that was allowed, and is no use's, gets no value by any header", async () => {
  await stage.start()
  await setUse(stage.world, KEY, [useAt(stage.elsewhere)], VALUE)
  // The record says so now: the service from before is nobody's any more.
  const reply = await stage.send()
  expect([reply.status, refusalIn(reply).code]).toEqual([403, "USE_REFUSED"])
  expectNone(JSON.stringify(stage.service.got.map(({ request }) => request.rawHeaders)))
})
