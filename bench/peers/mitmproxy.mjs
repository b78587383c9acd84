// mitmproxy, which the broker is measured beside: it takes TLS apart and changes a header too, and
// keeps no vault, no gate and no audit. Installed from PyPI at the first call.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { pinnedPython } from "../../scripts/pinned.mjs"

/**
 * Starts it, or resolves to why it is not here.
 *
 * @param {string} folder for its own authority
 * @param {string} root the file with what services prove themselves with
 * @param {NodeJS.ProcessEnv} env
 */
export async function startMitmproxy(folder, root, env) {
  const pins = new URL("mitmproxy/", import.meta.url)
  const found = await pinnedPython({
    name: "mitmproxy",
    what: "which the broker is measured beside",
    pins,
  })
  if ("missing" in found) return found
  const port = await freePort()
  const settings = [
    ["confdir", folder],
    ["ssl_verify_upstream_trusted_ca", root],
    ["stream_large_bodies", "1m"],
    ["modify_headers", "/~q/authorization/Bearer fake-value-of-the-benchmark"],
  ].flatMap(([name, value]) => ["--set", `${name}=${value}`])
  const listen = ["--listen-host", "127.0.0.1", "--listen-port", String(port)]
  // Its own script names the folder that it was installed in first.
  const start = ["-c", "from mitmproxy.tools.main import mitmdump; mitmdump()", "--quiet"]
  const child = spawn(found.path, [...start, ...listen, ...settings], { env, stdio: "ignore" })
  const authority = join(folder, "mitmproxy-ca-cert.pem")
  while (!(existsSync(authority) && (await listens(port)))) {
    if (child.exitCode !== null) return { missing: "mitmproxy did not start" }
    await sleep(100)
  }
  const ca = readFileSync(authority, "utf8")
  return { pid: child.pid, port, ca, close: () => child.kill() }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  return typeof address === "object" ? (address?.port ?? 0) : 0
}

/** @param {number} port */
async function listens(port) {
  const socket = connect(port, "127.0.0.1")
  try {
    await once(socket, "connect")
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
