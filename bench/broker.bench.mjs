// What the broker adds to a request, beside the same request without it and through mitmproxy. TLS
// is on both sides everywhere. NODE_EXTRA_CA_CERTS is set for the broker alone, which has no other
// way to know the service's authority; it costs its start, and no request.
import { execFileSync, fork, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, constants, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { Agent, request as ask } from "node:http"
import { Socket, connect as connectTcp } from "node:net"
import { dirname, join } from "node:path"
import { hrtime } from "node:process"
import { createInterface } from "node:readline"
import { connect as connectTls } from "node:tls"
import { fileURLToPath } from "node:url"
import { bubblewrap } from "../scripts/bubblewrap.mjs"
import { startMitmproxy } from "./peers/mitmproxy.mjs"
import { makeVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
/** A name that every resolver has; *.localhost is no name for Python. */
const HOST = "localhost"
/** Are not measured: they open connections, and read the vault. */
const FIRST = 200
const REQUESTS = 1000
/** More of them, until V8 has compiled what is called. */
const UNTIL_WARM = 2500
const CONNECTIONS = 200
const STARTS = 15
const LARGE = 32 * 2 ** 20
/** Prints what leads through the broker, and keeps it until stdin ends. */
const PROGRAM = `
  console.log(JSON.stringify({ env: process.env })); process.stdin.resume().on("end", () => process.exit())`

/**
 * A way to the service.
 *
 * @typedef {object} Way
 * @property {string} name
 * @property {number} port of the service
 * @property {string} ca
 * @property {string} [proxy]
 * @property {string} [key] what stands in the header
 * @property {number | undefined} [pid]
 */

/** @param {import("./run.mjs").Bench} bench */
export default async (bench) => {
  const { repo, env: vaultEnv, keyFiles } = await makeVault({ secrets: 20 })
  const stage = dirname(repo)
  const service = fork(fileURLToPath(new URL("broker-service.mjs", import.meta.url)))
  const [{ port, pem }] = await once(service, "message")
  const root = join(stage, "service.pem")
  writeFileSync(root, pem)
  const env = { ...vaultEnv, NODE_EXTRA_CA_CERTS: root }
  const rule = ["--host", `${HOST}:${port}`, "--method", "GET", "--method", "POST", "--path"]
  const place = ["/v1/**", "--at", "header:authorization", "--scheme", "bearer", "--yes"]
  await finished(spawn(bench.node, [bin, "use", "bulk/s00000", ...rule, ...place], at(repo, env)))
  const [identity = ""] = keyFiles
  const run = [bin, "run", "--identity", identity, "-s", "bulk/s00000"]
  const blind = [...run, ...blindly("none")]
  const child = spawn(bench.node, [...blind, "--", bench.node, "-e", PROGRAM], {
    ...at(repo, env),
    stdio: ["pipe", "pipe", "inherit"],
  })
  const [line] = await once(createInterface({ input: child.stdout }), "line")
  const { env: given } = JSON.parse(line)
  const peer = await startMitmproxy(join(stage, "mitmproxy"), root, vaultEnv)
  /** @type {Way} */
  const direct = { name: "direct", port, ca: pem }
  const broker = brokerWay(direct, given, child.pid)
  const ways = [broker]
  if ("missing" in peer) {
    process.stderr.write(`mitmproxy: not installed: ${peer.missing}\n`)
  } else {
    const proxy = `http://127.0.0.1:${peer.port}`
    ways.push({ name: "mitmproxy", port, ca: peer.ca, proxy, pid: peer.pid })
  }
  try {
    await measured(bench, direct, ways)
    await starts(bench, run, at(repo, vaultEnv))
  } finally {
    child.stdin.end()
    await finished(child)
    if (!("missing" in peer)) peer.close()
    service.disconnect()
    rmSync(stage, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** @param {string} isolation */
const blindly = (isolation) => ["--blind", "--isolate", isolation]

/**
 * How much later a program begins that runs blind.
 *
 * @param {import("./run.mjs").Bench} bench
 * @param {readonly string[]} run
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} alike nothing in it that costs both
 */
async function starts(bench, run, alike) {
  const nothing = ["--", "/bin/true"]
  const start = { ...alike, against: [bench.node, ...run, ...nothing], againstIn: alike }
  const found = await bubblewrap()
  if ("missing" in found) process.stderr.write(`not isolated: ${found.missing}\n`)
  for (const isolation of "missing" in found ? ["none"] : ["none", "bwrap"]) {
    const words = [bench.node, ...run, ...blindly(isolation)]
    await bench.command(
      `run --blind --isolate ${isolation}, beside run`,
      [...words, ...nothing],
      start,
    )
    const later = await beginsLater(words, [bench.node, ...run], alike)
    bench.reported(`--isolate ${isolation}: begins later than run`, later, { budget: 60 })
  }
}

/**
 * By how much later a program begins, in ms, in turn with the other way to run it. It says so itself,
 * by a named pipe, for what it prints passes through us where it does not run blind.
 *
 * @param {readonly string[]} words
 * @param {readonly string[]} otherWords
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} alike
 */
async function beginsLater(words, otherWords, alike) {
  const pipe = join(dirname(alike.cwd), "begun")
  execFileSync("mkfifo", [pipe])
  const fd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const kept = openSync(pipe, "w")
  const begun = new Socket({ fd, readable: true, writable: false })
  /** @param {readonly string[]} argv */
  const begins = async ([program = "", ...args]) => {
    const start = hrtime.bigint()
    const line = ["--", "/bin/sh", "-c", `echo > '${pipe}'`]
    const child = spawn(program, [...args, ...line], { ...alike, stdio: "ignore" })
    await once(begun, "data")
    const time = Number(hrtime.bigint() - start) / 1e6
    await finished(child)
    return time
  }
  /** @type {number[]} */
  const later = []
  for (let round = -2; round < STARTS; round++) {
    const other = await begins(otherWords)
    const time = await begins(words)
    if (round >= 0) later.push(time - other)
  }
  begun.destroy()
  closeSync(kept)
  rmSync(pipe)
  return later
}

/**
 * The way that a program of the run is led.
 *
 * @param {Way} direct
 * @param {Record<string, string>} given its environment
 * @param {number | undefined} pid
 * @returns {Way}
 */
function brokerWay({ port }, given, pid) {
  return {
    name: "broker",
    port,
    ca: readFileSync(given["NODE_EXTRA_CA_CERTS"] ?? "", "utf8"),
    proxy: given["HTTPS_PROXY"] ?? "",
    key: given["BULK_S00000"] ?? "",
    pid,
  }
}

/**
 * @param {import("./run.mjs").Bench} bench
 * @param {Way} direct
 * @param {readonly Way[]} ways
 */
async function measured(bench, direct, ways) {
  await latency(bench, [direct, ...ways])
  for (const way of ways) await transfers(bench, direct, way)
  for (const way of [direct, ...ways]) await events(bench, way)
  for (const way of ways) await memory(bench, way)
}

/**
 * One request on each way in turn, each on a connection that stays: a thousand of the first, whose
 * code V8 still compiles, and a thousand when it has.
 *
 * @param {import("./run.mjs").Bench} bench
 * @param {readonly Way[]} ways the first is what the others are compared with
 */
async function latency(bench, ways) {
  const sides = ways.map((way) => ({ way, agent: agentOf(way) }))
  await timed(sides, FIRST)
  report(bench, await timed(sides, REQUESTS), "")
  await timed(sides, UNTIL_WARM)
  report(bench, await timed(sides, REQUESTS), ", warm")
  for (const { agent } of sides) agent.destroy()
}

/**
 * @param {readonly { way: Way, agent: Agent }[]} sides
 * @param {number} requests
 */
async function timed(sides, requests) {
  const counted = sides.map((side) => ({
    ...side,
    times: /** @type {number[]} */ ([]),
    before: cpuOf(side.way.pid),
  }))
  for (let round = 0; round < requests; round++) {
    for (const { way, agent, times } of counted) {
      const start = hrtime.bigint()
      await fetchOver(agent, way, "/v1/small")
      times.push(Number(hrtime.bigint() - start) / 1e6)
    }
  }
  return counted.map(({ way, times, before }) => ({
    way,
    times,
    cpu: (cpuOf(way.pid) - before) / requests,
  }))
}

/**
 * @param {import("./run.mjs").Bench} bench
 * @param {readonly { way: Way, times: number[], cpu: number }[]} sides
 * @param {string} when
 */
function report({ reported }, sides, when) {
  const [base, ...others] = sides
  if (base === undefined) return
  reported(`${base.way.name}: a request of 1 KB${when}`, base.times)
  for (const { way, times, cpu } of others) {
    const budget = way.name === "broker" ? { budget: 1 } : {}
    /** @param {number} share */
    const added = (share) => quantile(times, share) - quantile(base.times, share)
    reported(`${way.name}: a request of 1 KB${when}`, times)
    reported(`${way.name}: added, p50${when}`, [added(0.5)], budget)
    reported(`${way.name}: added, p99${when}`, [added(0.99)])
    reported(`${way.name}: CPU of a request${when}`, [cpu], budget)
  }
}

/**
 * A request on a connection of its own.
 *
 * @param {Way} way
 * @param {string} path
 * @param {Buffer | null} body
 */
function single(way, path, body) {
  return withAgent(way, (agent) => fetchOver(agent, way, path, body ?? undefined))
}

/**
 * @param {import("./run.mjs").Bench} bench
 * @param {Way} direct
 * @param {Way} way
 */
async function transfers({ call }, direct, way) {
  await call(`${way.name}: a new tunnel and a request`, () => single(way, "/v1/small", null), {
    against: () => single(direct, "/v1/small", null),
  })
  const path = `/v1/bytes/${LARGE}`
  await call(`${way.name}: 32 MiB down`, () => single(way, path, null), {
    against: () => single(direct, path, null),
    runs: 5,
  })
  const body = Buffer.alloc(LARGE, "the quick brown fox jumps over the lazy dog\n")
  await call(`${way.name}: 32 MiB up`, () => single(way, "/v1/up", body), {
    against: () => single(direct, "/v1/up", body),
    runs: 5,
  })
}

/**
 * @param {import("./run.mjs").Bench} bench
 * @param {Way} way
 */
async function events({ reported }, way) {
  /** @type {number[]} */
  const delays = []
  await withAgent(way, (agent) =>
    fetchOver(agent, way, "/v1/events", undefined, (chunk) => {
      const now = hrtime.bigint()
      for (const [, sent = "0"] of chunk.toString().matchAll(/data: (\d+)/g)) {
        delays.push(Number(now - BigInt(sent)) / 1e6)
      }
    }),
  )
  reported(`${way.name}: an event of a stream`, delays)
}

/**
 * @param {import("./run.mjs").Bench} bench
 * @param {Way} way
 */
async function memory({ reported }, way) {
  const before = memoryOf(way.pid)
  const agents = Array.from({ length: CONNECTIONS }, () => agentOf(way))
  for (const agent of agents) await fetchOver(agent, way, "/v1/small")
  const unit = { unit: "MB" }
  reported(`${way.name}: memory at rest`, [before], unit)
  reported(`${way.name}: memory with ${CONNECTIONS} connections`, [memoryOf(way.pid)], unit)
  for (const agent of agents) agent.destroy()
}

/**
 * @template T
 * @param {Way} way
 * @param {(agent: Agent) => Promise<T>} work
 */
async function withAgent(way, work) {
  const agent = agentOf(way)
  try {
    return await work(agent)
  } finally {
    agent.destroy()
  }
}

/**
 * One connection, which stays.
 *
 * @param {Way} way
 */
function agentOf(way) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const create = (/** @type {unknown} */ _options, /** @type {Function} */ done) => {
    void opened(way, done)
  }
  return Object.assign(agent, { createConnection: create })
}

/**
 * @param {Way} way
 * @param {Function} done
 */
async function opened(way, done) {
  try {
    done(null, await open(way))
  } catch (error) {
    done(error)
  }
}

/** @param {Way} way */
async function open({ port, ca, proxy }) {
  const address = proxy === undefined ? undefined : new URL(proxy)
  const tcp = connectTcp({ port: Number(address?.port ?? port), host: "127.0.0.1", noDelay: true })
  await once(tcp, "connect")
  if (address !== undefined) {
    const token = Buffer.from(`${address.username}:${address.password}`).toString("base64")
    const shown = address.password === "" ? "" : `Proxy-Authorization: Basic ${token}\r\n`
    tcp.write(`CONNECT ${HOST}:${port} HTTP/1.1\r\nHost: ${HOST}:${port}\r\n${shown}\r\n`)
    const [answer] = await once(tcp, "data")
    if (!String(answer).startsWith("HTTP/1.1 200 ")) throw new Error(String(answer))
  }
  const socket = connectTls({ socket: tcp, servername: HOST, ca })
  await once(socket, "secureConnect")
  return socket
}

/**
 * @param {Agent} agent
 * @param {Way} way
 * @param {string} path
 * @param {Buffer} [body]
 * @param {(chunk: Buffer) => void} [onChunk]
 * @returns {Promise<void>}
 */
function fetchOver(agent, { port, key = "fake-value-of-the-benchmark" }, path, body, onChunk) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": body.length }
    const headers = { host: `${HOST}:${port}`, authorization: `Bearer ${key}`, ...length }
    const method = body === undefined ? "GET" : "POST"
    const request = ask({ agent, host: HOST, port, path, method, headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}`))
      response.on("data", (chunk) => onChunk?.(chunk))
      response.on("end", resolve)
    })
    request.on("error", reject).end(body)
  })
}

/** @param {readonly number[]} times @param {number} share */
function quantile(times, share) {
  return times.toSorted((a, b) => a - b)[Math.floor(share * (times.length - 1))] ?? NaN
}

/**
 * Milliseconds of CPU since its start, of a process of Linux.
 *
 * @param {number | undefined} pid
 */
function cpuOf(pid) {
  if (pid === undefined || process.platform !== "linux") return NaN
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** @param {number | undefined} pid */
function memoryOf(pid) {
  if (pid === undefined || process.platform !== "linux") return NaN
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
  return Number(kilobytes) / 1000
}

/** @param {string} cwd @param {NodeJS.ProcessEnv} env */
function at(cwd, env) {
  return { cwd, env }
}

/** @param {import("node:child_process").ChildProcess} child */
async function finished(child) {
  if (child.exitCode === null) await once(child, "close")
  if (child.exitCode !== 0) throw new Error(`a process ended with ${child.exitCode}`)
}
