import { createHash, createHmac, randomBytes } from "node:crypto"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { World } from "../../core/world.js"
import { type BrokerOptions, BrokerWorld, Service, brokeredWorld, useAt } from "./broker-world.js"

const HOOK = "stripe/hook"
const VALUE = `test-only-${randomBytes(12).toString("hex")}`

let service: Service
let world: World
let brokered: BrokerWorld

beforeAll(async () => {
  service = await Service.start("api.pay.test")
  world = await brokeredWorld({
    [HOOK]: {
      value: VALUE,
      use: [
        useAt(service, {
          at: ["header:x-signature"],
          scheme: "hmac-sha256",
          template: "{method}{\\n}{body-sha256}",
          encoding: "hex",
        }),
      ],
    },
  })
})
afterEach(() => {
  brokered.close()
  service.got.length = 0
})
afterAll(() => {
  service.close()
  world.remove()
})

async function start(options: BrokerOptions = {}): Promise<void> {
  brokered = await BrokerWorld.start(world, [HOOK], [service], options)
}

const sha256 = (bytes: string): string => createHash("sha256").update(bytes).digest("hex")

describe("an HMAC over the digest of the body", () => {
  test.each([
    ["GET", ""],
    ["POST", ""],
    ["POST", '{"a":1}'],
  ])("of %s %j is made anew", async (method, body) => {
    await start()
    const signed = (key: string): string =>
      createHmac("sha256", key)
        .update(`${method}\n${sha256(body)}`)
        .digest("hex")
    const length = body === "" ? "" : `\r\nContent-Length: ${body.length}`
    const head = `${method} /v1/a HTTP/1.1\r\nHost: ${service.authority}\r\nX-Signature: ${signed(brokered.of(HOOK))}${length}`
    expect((await brokered.send(service, head, body)).status).toBe(200)
    expect(service.got[0]?.request.headers["x-signature"]).toBe(signed(VALUE))
  })
})
