import { createCipheriv, createHash } from "node:crypto"
import type { ServerResponse } from "node:http"
import { copyFileSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs"
import { request } from "node:https"
import { createServer } from "node:net"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { Reader, setUse, useAt } from "../../broker/proxy/broker-world.js"
import { noProc, noRoot, testUnless } from "../../needs.js"
import { bin } from "../arena.js"
import { type BlindProgram, BlindWorld, KEY, noIsolation } from "./blind.js"
import { memoryHolds } from "./process-memory.js"
import { Stage, VALUE } from "./stage.js"

// What the broker cannot hold, and says so in docs/broker.md: each of these must leak as it is said
// there. One that no longer does is a promise that may be made. Those of
// test/broker/reply/scrub-reply.test.ts and test/broker/gate/gate.test.ts are not repeated here.

describe("a service that is on the program's side can give the value back", () => {
  const stage = Stage.forTests()

  async function comesBack(answer: (response: ServerResponse) => void): Promise<string> {
    await stage.start()
    stage.service.handler = (_request, response) => answer(response)
    const socket = await stage.broker.tunnel(stage.service)
    socket.write(`${stage.head({ more: "\r\nConnection: close" })}\r\n\r\n`)
    return (await new Reader(socket).rest()).toString("latin1")
  }

  test("reversed", async () => {
    const reversed = Array.from(VALUE).toReversed().join("")
    expect(await comesBack((response) => response.end(reversed))).toContain(reversed)
  })

  test("hashed", async () => {
    const hash = createHash("sha256").update(VALUE).digest("hex")
    expect(await comesBack((response) => response.end(hash))).toContain(hash)
  })

  test("encrypted", async () => {
    const cipher = createCipheriv("aes-256-ctr", Buffer.alloc(32, 1), Buffer.alloc(16))
    const sent = cipher.update(VALUE, "utf8", "hex")
    expect(await comesBack((response) => response.end(sent))).toContain(sent)
  })

  test("encoded twice", async () => {
    const twice = Buffer.from(Buffer.from(VALUE).toString("base64")).toString("base64")
    expect(await comesBack((response) => response.end(twice))).toContain(twice)
  })

  test("spelled out, a letter in each event", async () => {
    const all = await comesBack((response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" })
      for (const letter of VALUE) response.write(`data: ${letter}\n\n`)
      response.end()
    })
    expect([...all.matchAll(/data: (.)/g)].map(([, letter]) => letter).join("")).toBe(VALUE)
  })

  test("in two halves, in two headers", async () => {
    const all = await comesBack((response) => {
      response.setHeader("X-A", VALUE.slice(0, 20)).setHeader("X-B", VALUE.slice(20)).end()
    })
    expect(all).toContain(`X-A: ${VALUE.slice(0, 20)}\r\nX-B: ${VALUE.slice(20)}`)
  })

  // test/broker/live/wait-alike.test.ts attacks what comes after these.
  test("step by step, its first 16 bytes: what the program sends waits if a value begins so", async () => {
    await stage.start()
    /** Whether all of it comes before there is more; the service sends what the program has it send. */
    const isHeld = async (tried: string): Promise<boolean> => {
      stage.service.handler = (_request, response) => void response.write(`x${tried}`)
      const socket = await stage.broker.tunnel(stage.service)
      socket.write(`${stage.head()}\r\n\r\n`)
      const reader = new Reader(socket)
      await reader.until("\r\n\r\n")
      const begun = (await reader.until("\r\nx")).toString("latin1")
      socket.destroy()
      return Number.parseInt(begun, 16) === 1
    }
    let known = VALUE.slice(0, 12)
    while (known.length < 15) {
      const next: string[] = []
      for (const digit of "0123456789abcdef") {
        if (await isHeld(`${known}${digit}`)) next.push(digit)
      }
      known += next.join("")
    }
    expect(known).toBe(VALUE.slice(0, 15))
  })

  test("as a length", async () => {
    const all = await comesBack((response) => response.end("x".repeat(VALUE.length)))
    expect(all).toContain(`Content-Length: ${VALUE.length}`)
  })

  test("by another way: what it keeps, it shows to whoever asks it directly", async () => {
    await stage.start()
    await stage.send()
    const kept = stage.service.got[0]?.request.headers.authorization ?? ""
    stage.service.handler = (_request, response) => response.end(kept)
    const { port, root, host } = stage.service
    const direct = await new Promise<string>((resolve, reject) => {
      const options = { host: "127.0.0.1", port, servername: host, ca: root, path: "/kept" }
      request(options, (reply) => {
        let said = ""
        reply.on("data", (chunk: Buffer) => (said += chunk.toString()))
        reply.on("end", () => resolve(said))
      })
        .once("error", reject)
        .end()
    })
    expect(direct).toBe(`Bearer ${VALUE}`)
  })
})

describe("a rule says no more than it says", () => {
  const stage = Stage.forTests()

  test("what the service takes for another method by its body, it gets", async () => {
    await stage.start({}, { methods: ["POST"] })
    const more = "\r\nContent-Type: application/json"
    const body = '{"_method":"delete"}'
    const reply = await stage.send({ line: "POST /v1/a HTTP/1.1", more }, body)
    expect(reply.status).toBe(200)
    expect(stage.service.got[0]?.body.toString()).toBe(body)
  })

  test("all that the rule allows, the program can do with it", async () => {
    await stage.start()
    const line = "POST /v1/transfers?to=attacker&amount=1000000 HTTP/1.1"
    expect((await stage.send({ line })).status).toBe(200)
    expect(stage.service.got[0]?.request.headers.authorization).toBe(`Bearer ${VALUE}`)
  })
})

describe("without isolation a program of the same user can go round the broker", () => {
  let blind: BlindWorld
  let running: BlindProgram

  beforeAll(async () => {
    blind = await BlindWorld.start()
  })
  afterEach(() => running.kill())
  afterAll(() => blind.close())

  test("and this is said when it starts", async () => {
    running = blind.run({ isolate: "none" })
    await running.sh("true")
    expect(running.printed).toContain(
      "not isolated: a program of the same user can go round the broker, and read key files",
    )
  })

  test("it reads the key file", async () => {
    running = blind.run({ isolate: "none" })
    const read = await running.sh(`cat ${blind.world.folder}/agent-vault/*/agents/ci.key`)
    expect(read).toMatch(/AGE-SECRET-KEY-/)
  })

  test("it runs agent-vault get", async () => {
    running = blind.run({ isolate: "none" })
    const script = `cd ${blind.world.top} && ${process.execPath} ${bin} get ${KEY} --agent ci --raw`
    expect(await running.sh(script)).toContain(blind.value)
  })

  testUnless(noProc ?? noRoot, "whoever may trace the broker reads its memory", async () => {
    running = blind.run({ isolate: "none" })
    await running.send(blind.url())
    expect(memoryHolds(running.command.pid ?? 0, blind.value)).toBe(true)
  })

  test("it ends the broker", async () => {
    running = blind.run({ isolate: "none" })
    await running.send(blind.url())
    const killed = running.sh("kill -9 $(ps -o ppid= -p $PPID)").catch(() => "ended")
    await running.ended
    expect(running.command.signalCode).toBe("SIGKILL")
    await killed
  })

  test("it goes out without a proxy, with what it may hold: a placeholder", async () => {
    running = blind.run({ isolate: "none" })
    blind.service.got.length = 0
    const script = `curl -sS -k --noproxy '*' -H "Authorization: Bearer $STRIPE_API_KEY" ${blind.url()}`
    await running.sh(script)
    const got = blind.service.got.map((each) => each.request.headers.authorization)
    expect(got).toEqual([expect.stringMatching(/^Bearer ./)])
  })
})

describe("isolation leaves open", () => {
  testUnless(noIsolation, "a socket in the file system that somebody listens on", async () => {
    const blind = await BlindWorld.start()
    const path = join(blind.world.folder, "tmp", "open.sock")
    const server = createServer((socket) => socket.end("HTTP/1.0 200 OK\r\n\r\nfrom outside"))
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const running = blind.run({ isolate: "bwrap" })
    const said = await running.sh(`curl -sS --noproxy '*' --unix-socket ${path} http://outside/`)
    expect(said).toBe("from outside")
    await running.end()
    server.close()
    blind.close()
  })

  testUnless(noIsolation, "a key file elsewhere that is replaced during the run", async () => {
    const blind = await BlindWorld.start()
    const key = join(blind.world.folder, "ci.key")
    const next = join(blind.world.folder, "next.key")
    const { folder } = blind.world
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    const own = names.find((name) => name.endsWith("agents/ci.key")) ?? ""
    copyFileSync(join(folder, own), key)
    const running = blind.run({ isolate: "bwrap", env: { AGENT_VAULT_IDENTITY_FILE: key } })
    expect(await running.sh(`cat ${key}`)).not.toContain("AGE-SECRET-KEY")
    writeFileSync(next, "the second\n")
    renameSync(next, key)
    expect(await running.sh(`cat ${key}`)).toBe("the second\n")
    await running.end()
    blind.close()
  })

  testUnless(
    noIsolation,
    "an earlier commit, checked out: no clone remembers for a HEAD that is detached",
    async () => {
      const blind = await BlindWorld.start()
      const { top } = blind.world
      const before = blind.world.git("rev-parse", "HEAD").trim()
      const running = blind.run({ isolate: "bwrap" })
      expect(await running.send(blind.url())).toMatch(/^200 /)
      await setUse(blind.world, KEY, [useAt(blind.service, { paths: ["/v2/**"] })], blind.value)
      expect(await running.send(blind.url())).toMatch(/^403 .*USE_REFUSED/)
      await running.sh(`git -C ${top} checkout -q --detach ${before}`)
      expect(await running.send(blind.url())).toMatch(/^200 /)
      await running.sh(`git -C ${top} checkout -q main`)
      await running.end()
      // A floor holds there as well.
      const record = readFileSync(join(top, ".agent-vault/secrets/stripe/api-key.json"), "utf8")
      const { serial } = JSON.parse(record) as { serial: number }
      const env = { AGENT_VAULT_MIN_SERIAL: `secrets/stripe/api-key.json=${serial}` }
      const floored = blind.run({ isolate: "bwrap", env })
      await floored.sh(`git -C ${top} checkout -q --detach ${before}`)
      expect(await floored.send(blind.url())).toMatch(/^403 .*ROLLED_BACK/)
      await floored.end()
      blind.close()
    },
  )

  testUnless(noIsolation, "every other file of the user", async () => {
    const blind = await BlindWorld.start()
    const running = blind.run({ isolate: "bwrap" })
    const said = await running.sh(`cat ${blind.world.folder}/root.pem`)
    expect(said).toContain("BEGIN CERTIFICATE")
    await running.end()
    blind.close()
  })
})
