// Certificates for services on this machine, as the demo and the benchmarks have them: made by the
// broker's own authority, since no other program for it is everywhere.
import { createServer } from "node:https"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const source = fileURLToPath(new URL("../src/broker/authority/authority.ts", import.meta.url))

/**
 * An authority for these hosts.
 *
 * @param {readonly string[]} hosts
 * @returns {Promise<import("../src/broker/authority/authority.js").Authority>}
 */
export async function localAuthority(hosts) {
  const { outputFiles } = await build({
    entryPoints: [source],
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
  })
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64")
  const { Authority } = await import(`data:text/javascript;base64,${code}`)
  return Authority.make(hosts)
}

/**
 * A service under TLS on a port of 127.0.0.1 that was free.
 *
 * @param {import("../src/broker/authority/authority.js").Authority} authority
 * @param {import("node:http").RequestListener} answer
 */
export async function serveTls(authority, answer) {
  const server = createServer(
    { SNICallback: (name, done) => done(null, authority.contextFor(name)) },
    answer,
  )
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  return { server, port: typeof address === "object" ? (address?.port ?? 0) : 0 }
}
