import { once } from "node:events"
import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { type Server, type Socket, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { getuid } from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { PORT_INSIDE, findBubblewrap, isolated } from "../../../src/broker/isolate/bubblewrap.js"
import { hiddenFrom } from "../../../src/broker/isolate/hidden.js"
import { bubblewrap } from "../../../scripts/bubblewrap.mjs"
import { testUnless } from "../../needs.js"

const listenInside = fileURLToPath(new URL("../../../dist/cli/listen-inside.cjs", import.meta.url))
const found = await bubblewrap()
const lack = "missing" in found ? found.missing : undefined

let folder: string
let home: string

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-isolate-")))
  home = join(folder, "keys of mine")
  mkdirSync(home)
  // Another user, too, is kept from seeing into it.
  chmodSync(folder, 0o755)
  writeFileSync(join(home, "ci.key"), "not a key")
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a program isolated, with a broker that answers each connection with one line. */
async function run(
  command: readonly string[],
  { as = [], answer = "from the broker" }: { as?: readonly string[]; answer?: string } = {},
) {
  const means = findBubblewrap(process.env)
  if (!("program" in means)) throw new Error(means.missing)
  const hidden = hiddenFrom({ folders: [home], files: [] }, {})
  const [program = "", ...args] = [...as, ...isolated(means.program, listenInside, hidden, command)]
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe", "ipc", "pipe"] })
  const sockets: Socket[] = []
  let server: Server | undefined
  child.once("message", (_said, handed) => {
    server = handed as Server
    server.on("connection", (socket) => {
      sockets.push(socket)
      socket.on("error", () => {}).end(`${answer}\n`)
    })
    child.send("go")
  })
  const ended = await outputOf(child)
  server?.close()
  for (const socket of sockets) socket.destroy()
  return ended
}

function outputOf(child: ChildProcess): Promise<{ code: number | null; stdout: string }> {
  return new Promise((resolve) => {
    let stdout = ""
    child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr?.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
    child.once("close", (code) => resolve({ code, stdout }))
  })
}

/** A program that says what comes on a connection, or why there is none. */
function connecting(port: number): string[] {
  const script = `
    const socket = require("node:net").connect(${port}, "127.0.0.1")
    socket.on("data", (data) => process.stdout.write(data))
    socket.on("error", ({ code }) => console.log(code))`
  return [process.execPath, "-e", script]
}

describe("an isolated program", () => {
  testUnless(lack, "reaches the broker by the port inside", async () => {
    expect(await run(connecting(PORT_INSIDE))).toEqual({ code: 0, stdout: "from the broker\n" })
  })

  testUnless(lack, "reaches nothing else of this machine", async () => {
    const outside = createServer((socket) => socket.end("from outside\n"))
    await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve))
    const { port } = outside.address() as { port: number }
    expect(await run(connecting(port))).toEqual({ code: 0, stdout: "ECONNREFUSED\n" })
    outside.close()
  })

  testUnless(
    lack,
    "sees no keys, no processes but its own, and can bring neither back",
    async () => {
      const script = `ls -A "$0"; umount "$0" 2>/dev/null && echo unmounted; ls -A "$0"
      unshare -rm umount "$0" 2>/dev/null && echo unmounted
      kill -0 ${process.pid} 2>/dev/null && echo seen
      echo done`
      expect(await run(["sh", "-c", script, home])).toEqual({ code: 0, stdout: "done\n" })
    },
  )

  testUnless(lack, "has no channel and no descriptor of ours", async () => {
    const script = "env | grep -c NODE_CHANNEL; ls -l /proc/self/fd | grep -c socket; true"
    // Of its own streams, the one for errors is a socket here.
    expect(await run(["sh", "-c", script])).toEqual({ code: 0, stdout: "0\n1\n" })
  })

  testUnless(lack, "ends with its own code, or by its signal", async () => {
    expect((await run(["sh", "-c", "exit 7"])).code).toBe(7)
    expect((await run(["sh", "-c", "kill -TERM $$"])).code).toBe(128 + 15)
  })

  testUnless(
    lack ?? (getuid?.() === 0 ? undefined : "needs root, to be another user"),
    "is isolated as an unprivileged user as well",
    async () => {
      const as = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
      expect(await run(connecting(PORT_INSIDE), { as })).toEqual({
        code: 0,
        stdout: "from the broker\n",
      })
    },
  )

  testUnless(lack, "does not begin if nobody takes its listener", async () => {
    const means = findBubblewrap(process.env)
    if (!("program" in means)) return
    const command = ["sh", "-c", "echo began"]
    const [program = "", ...args] = isolated(
      means.program,
      listenInside,
      { folders: [], files: [] },
      command,
    )
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore", "ipc", "pipe"] })
    child.once("message", (_said, handed) => {
      setImmediate(() => child.disconnect())
      const server = handed as Server
      server.close()
    })
    const [code] = (await once(child, "exit")) as [number]
    expect({ code, written: child.stdout?.read() as unknown }).toEqual({ code: 125, written: null })
  })
})

test("what is hidden is what is there, where links lead, each once", () => {
  expect(
    hiddenFrom({ folders: [home, home, join(folder, "none")], files: [join(home, "ci.key")] }, {}),
  ).toMatchObject({
    folders: expect.arrayContaining([home]) as string[],
    files: expect.arrayContaining([join(home, "ci.key")]) as string[],
  })
})

test("without bubblewrap, and without the right to it, it is said what to do", () => {
  expect(findBubblewrap({ PATH: folder })).toEqual({
    missing: "bubblewrap is not installed",
    hint: expect.stringContaining("apt-get install bubblewrap") as string,
  })
  writeFileSync(join(folder, "bwrap"), "#!/bin/sh\nexit 1\n", { mode: 0o755 })
  expect(findBubblewrap({ PATH: folder })).toMatchObject({
    missing: "this system lets bubblewrap make no namespaces",
  })
  rmSync(join(folder, "bwrap"))
})
