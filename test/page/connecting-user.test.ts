import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { type AddressInfo, type Socket, connect, createServer } from "node:net"
import { setImmediate } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { isFromThisUser } from "../../src/page/connecting-user.js"

const NOBODY = 65_534
/** Linux lists connections by user; one that another user opens takes root. */
const canBeOther = process.platform === "linux" && process.getuid?.() === 0

/** The server's end of a connection that `open` makes, once `open` resolves. */
async function connected(open: (port: number) => Promise<unknown>): Promise<Socket> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const [[socket]] = (await Promise.all([
    once(server, "connection"),
    open((server.address() as AddressInfo).port),
  ])) as [[Socket], unknown]
  server.close()
  return socket
}

/** Connects as another user, and stays until its stdin ends, if it stays at all. */
function asNobody(port: number, stays: boolean) {
  const then = stays
    ? `process.stdin.resume(), process.stdin.once("end", () => process.exit())`
    : "process.exit()"
  const script = `require("net").connect(${port}, "127.0.0.1", () => (console.log("there"), ${then}))`
  return spawn(process.execPath, ["-e", script], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: "/",
    env: {},
    stdio: ["pipe", "pipe", "inherit"],
  })
}

describe("a connection", () => {
  test("of this user's is known as such", async () => {
    let own: Socket | undefined
    const socket = await connected(async (port) => {
      own = connect(port, "127.0.0.1")
      await once(own, "connect")
    })
    expect(isFromThisUser(socket)).toBe(true)
    own?.destroy()
    socket.destroy()
  })

  test.skipIf(!canBeOther)("of another user's is not this user's", async () => {
    let other: ReturnType<typeof asNobody> | undefined
    const socket = await connected(async (port) => {
      other = asNobody(port, true)
      await once(other.stdout, "data")
    })
    expect(isFromThisUser(socket)).toBe(false)
    other?.stdin.end()
    socket.destroy()
  })

  test.skipIf(!canBeOther)(
    "that another user has left is not root's, as Linux lists it",
    async () => {
      const socket = await connected((port) => once(asNobody(port, false), "close"))
      const [local, remote] = [socket.localPort, socket.remotePort].map((port) =>
        (port ?? 0).toString(16).toUpperCase().padStart(4, "0"),
      )
      const listed = (): string | undefined =>
        readFileSync("/proc/net/tcp", "utf8")
          .split("\n")
          .find((each) => each.includes(`0100007F:${remote} 0100007F:${local} `))
          ?.trim()
          .split(/\s+/)[7]
      // The system lets go of it some time after the process has ended.
      while (listed() === String(NOBODY)) await setImmediate()
      expect(listed()).toBe("0")
      expect(isFromThisUser(socket)).toBe(false)
      socket.destroy()
    },
  )
})
