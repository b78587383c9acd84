import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { setUse, useAt } from "../../broker/proxy/broker-world.js"
import { HANG } from "../../hang.js"
import { noProc, noRoot, testUnless } from "../../needs.js"
import { bin } from "../arena.js"
import { WATCHED, leaks, remains, noStrace, stracePath } from "../tracing.js"
import {
  type BlindOptions,
  type BlindProgram,
  BlindWorld,
  KEY,
  descendants,
  holds,
  noIsolation,
} from "./blind.js"
import { memoryHolds } from "./process-memory.js"

// Attacks of the program that runs blind, on the built command: real processes, real TLS. What it
// can do without isolation is in leaks-expected.test.ts. Those of
// test/broker/isolate/isolate.test.ts are not repeated here.

let blind: BlindWorld
let running: BlindProgram | undefined

beforeAll(async () => {
  blind = await BlindWorld.start()
})
afterEach(async () => {
  await running?.kill()
  running = undefined
  blind.service.got.length = 0
})
afterAll(() => blind.close())

function start(options: BlindOptions): BlindProgram {
  running = blind.run(options)
  return running
}

describe.each(["bwrap", "none"] as const)("under --isolate %s", (isolate) => {
  const lack = isolate === "none" ? undefined : noIsolation

  testUnless(lack, "a request goes out with the value, and nothing of it comes back", async () => {
    const program = start({ isolate })
    const said = await program.send(blind.url())
    expect(blind.service.got[0]?.request.headers.authorization).toBe(`Bearer ${blind.value}`)
    expect(said).toMatch(/^200 /)
    expect(said.split(`[REDACTED ${KEY}]`).length).toBe(3)
    expect(holds(said + program.printed, blind.value)).toBe(false)
    expect(await program.end()).toBe(0)
  })

  testUnless(lack, "the value is in no variable, argument or file that it sees", async () => {
    const program = start({ isolate })
    await program.send(blind.url())
    const seen = await program.sh(
      `env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; cat "\${NODE_EXTRA_CA_CERTS%/*}"/*; cd "$HOME"; find . -type f -exec cat {} +`,
    )
    expect(seen).toContain("STRIPE_API_KEY=")
    expect(holds(seen, blind.value)).toBe(false)
    expect(seen).not.toContain("PRIVATE KEY")
    await program.end()
    expect(remains(blind.world, blind.value)).toEqual([])
  })

  testUnless(
    lack ?? noProc ?? noRoot,
    "the value is in no memory but the broker's, where the same search finds it",
    async () => {
      const program = start({ isolate })
      for (let times = 0; times < 3; times++) await program.send(blind.url())
      const pid = program.command.pid ?? 0
      const below = descendants(pid)
      expect(below.length).toBeGreaterThan(0)
      expect(below.filter((each) => memoryHolds(each, blind.value))).toEqual([])
      expect(memoryHolds(pid, blind.value)).toBe(true)
      await program.end()
    },
  )

  testUnless(lack, "without its proxy it brings a placeholder, or nothing", async () => {
    const program = start({ isolate })
    const port = blind.service.authority.split(":")[1] ?? ""
    const said = await program.sh(
      `curl -sS -k --noproxy '*' --max-time ${HANG / 1000} -H "Authorization: Bearer $STRIPE_API_KEY" --connect-to ::127.0.0.1:${port} ${blind.url()}`,
    )
    expect(holds(said, blind.value)).toBe(false)
    const got = blind.service.got.map(({ request }) => request.headers.authorization)
    if (isolate === "bwrap") expect(got).toEqual([])
    else expect(got).toEqual([expect.not.stringContaining(blind.value) as string])
    await program.end()
  })

  testUnless(lack, "what stays in the background after it gets nothing more", async () => {
    const program = start({ isolate })
    await program.send(blind.url())
    const done = join(blind.world.folder, `late-${isolate}`)
    // It lives until somebody makes the file, or, isolated, until the run ends.
    const late = `while ! [ -e ${done}.go ]; do sleep 0.1; done; curl -sS --max-time ${HANG / 1000} -H "Authorization: Bearer $STRIPE_API_KEY" ${blind.url()} > ${done}.said 2>&1; echo $? > ${done}`
    const pid = await program.sh(
      `setsid nohup sh -c '${late}' >/dev/null 2>&1 </dev/null & echo $!`,
    )
    expect(Number(pid)).toBeGreaterThan(0)
    expect(await program.end()).toBe(0)
    mkdirSync(`${done}.go`)
    if (isolate === "bwrap") {
      const left = spawnSync("pgrep", ["-f", `${done}.go`], { encoding: "utf8" })
      expect(left.stdout).toBe("")
    } else {
      await expect.poll(() => existsSync(done) && readFileSync(done, "utf8")).toMatch(/^[1-9]/)
    }
    expect(blind.service.got.length).toBe(1)
  })

  testUnless(lack, "a revoke during the run refuses the next request", async () => {
    const own = await BlindWorld.start()
    const program = own.run({ isolate })
    expect(await program.send(own.url())).toMatch(/^200 /)
    await own.world.revoke("ci", "stripe")
    expect(await program.send(own.url())).toMatch(/^403 .*NOT_GRANTED/)
    expect(own.service.got.length).toBe(1)
    await program.end()
    own.close()
  })

  testUnless(lack, "a rule that is changed during the run decides the next request", async () => {
    const own = await BlindWorld.start()
    const program = own.run({ isolate })
    expect(await program.send(own.url())).toMatch(/^200 /)
    await setUse(own.world, KEY, [useAt(own.service, { paths: ["/v2/**"] })], own.value)
    expect(await program.send(own.url())).toMatch(/^403 .*USE_REFUSED/)
    expect(own.service.got.length).toBe(1)
    await program.end()
    own.close()
  })

  testUnless(lack, "the death of the broker lets nothing out", async () => {
    const program = start({ isolate })
    await program.send(blind.url())
    const below = descendants(program.command.pid ?? 0)
    await program.kill()
    if (isolate === "bwrap") {
      await expect.poll(() => below.filter((each) => existsSync(`/proc/${each}`))).toEqual([])
    }
    expect(remains(blind.world, blind.value)).toEqual([])
    expect(holds(program.printed, blind.value)).toBe(false)
    // The next run is as the first.
    const next = start({ isolate })
    expect(await next.send(blind.url())).toMatch(/^200 /)
    await next.end()
  })

  testUnless(lack, "an audit that is full from the start lets it not begin", async () => {
    const program = start({ isolate, args: ["--audit", "/dev/full"] })
    expect(await program.ended).toBe(125)
    expect(program.printed).toContain("AUDIT_UNWRITABLE")
    expect(blind.service.got).toEqual([])
  })

  testUnless(lack ?? noRoot, "an audit whose disk fills up lets nothing more leave", async () => {
    const disk = join(blind.world.folder, `disk-${isolate}`)
    mkdirSync(disk)
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", disk]).status).toBe(0)
    try {
      const program = start({ isolate, args: ["--audit", join(disk, "audit.jsonl")] })
      let sent = 0
      let said = await program.send(blind.url())
      while (said.startsWith("200 ") && sent < 1000) {
        sent += 1
        said = await program.send(blind.url())
      }
      expect(sent).toBeGreaterThan(0)
      expect(said).toMatch(/^403 .*AUDIT_UNWRITABLE/)
      expect(await program.send(blind.url())).toMatch(/^403 .*AUDIT_UNWRITABLE/)
      expect(blind.service.got.length).toBe(sent)
      await program.kill()
    } finally {
      spawnSync("umount", ["--lazy", disk])
    }
  })

  testUnless(lack, "who writes over the authority's file deceives only itself", async () => {
    const program = start({ isolate })
    const written = await program.sh(
      `stat -c '%a %U' "$NODE_EXTRA_CA_CERTS"; cp "${blind.world.folder}/root.pem" "$NODE_EXTRA_CA_CERTS" && cp "${blind.world.folder}/root.pem" "$SSL_CERT_FILE" && echo written; curl -sS --max-time ${HANG / 1000} -H "Authorization: Bearer $STRIPE_API_KEY" ${blind.url()} 2>&1`,
    )
    expect(written).toContain("600 ")
    if (isolate === "bwrap") expect(written).toContain("Read-only file system")
    // Its own client trusts the broker no more; the broker trusts whom it did.
    else expect(written).toContain("certificate")
    expect(blind.service.got.length).toBe(isolate === "bwrap" ? 1 : 0)
    // The program itself read the file before.
    expect(await program.send(blind.url())).toMatch(/^200 /)
    await program.end()
  })

  testUnless(
    lack,
    "whoever was there first with the authority's file is not followed",
    async () => {
      const program = start({ isolate })
      const folder = await program.sh(
        `printf %s "\${NODE_EXTRA_CA_CERTS%/*}"; ls -ld "\${NODE_EXTRA_CA_CERTS%/*}" | cut -c1-10 | tr -d '\\n'`,
      )
      // Its name is made at random, and nobody else may write there; it is gone with the run.
      expect(folder).toMatch(/agent-vault-broker-[-\da-f]+-[\da-f]{16}drwx------$/)
      await program.end()
      expect(existsSync(folder.slice(0, -10))).toBe(false)
    },
  )

  testUnless(
    lack ?? noStrace,
    "strace finds the value in no file and no argument, of the broker and of the program",
    async () => {
      const log = join(blind.world.folder, `trace-${isolate}`)
      const calls = ["-e", `trace=${WATCHED}`, "-o", log]
      const under = [stracePath, "-f", "-v", "-xx", "-s", "100000", ...calls]
      const program = start({ isolate, under })
      expect(await program.send(blind.url())).toMatch(/^200 /)
      expect(await program.end()).toBe(0)
      expect(blind.service.got.length).toBe(1)
      const lines = readFileSync(log, "latin1").split("\n")
      expect(lines.filter((line) => line.includes("execve(")).length).toBeGreaterThan(1)
      // What leaves for the service is under TLS: not even there is it to be seen.
      expect(leaks(lines, blind.value)).toEqual([])
    },
  )
})

describe("isolated", () => {
  testUnless(noIsolation, "it finds no key file, no state and no process of ours", async () => {
    const program = start({ isolate: "bwrap" })
    const home = blind.world.folder
    expect(
      readdirSync(home, { recursive: true }).some((name) => String(name).endsWith("ci.key")),
    ).toBe(true)
    const script = `find ${home} -name '*.key' 2>/dev/null; find ${home}/agent-vault -type f 2>/dev/null; true`
    expect(await program.sh(script)).toBe("")
    const seen = await program.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    expect(seen).not.toContain("--blind")
    await program.end()
  })

  testUnless(noIsolation, "agent-vault get has no key there", async () => {
    const program = start({ isolate: "bwrap" })
    const said = await program.sh(`${process.execPath} ${bin} get ${KEY} --agent ci; echo "$?"`)
    expect(said).toMatch(/agent-vault: [A-Z_]+:/)
    expect(holds(said, blind.value)).toBe(false)
    await program.end()
  })

  testUnless(noIsolation, "it cannot end the broker", async () => {
    const program = start({ isolate: "bwrap" })
    const pid = program.command.pid ?? 0
    // By its number, and as the parent of all that there is.
    expect(await program.sh(`kill -9 ${pid} 2>/dev/null; echo $?`)).toBe("1\n")
    expect(await program.send(blind.url())).toMatch(/^200 /)
    const ended = program.sh("kill -9 -1").catch(() => "ended")
    // It ends itself at most, and the command goes on to tell so.
    expect(await program.ended).toBeGreaterThan(125)
    expect(await ended).toBe("ended")
    expect(holds(program.printed, blind.value)).toBe(false)
  })
})

describe("others on the machine", () => {
  const other = noRoot ?? noProc

  testUnless(other, "another user reaches the port, and is let do nothing", async () => {
    const program = start({ isolate: "none" })
    const proxy = new URL((await program.sh('printf %s "$HTTPS_PROXY"')).trim())
    const placeholder = await program.sh('printf %s "$STRIPE_API_KEY"')
    const curl = [
      "curl",
      "-sS",
      "-k",
      "-i",
      "--max-time",
      `${HANG / 1000}`,
      "-x",
      `http://127.0.0.1:${proxy.port}`,
    ]
    const as = ["--reuid=54321", "--regid=54321", "--clear-groups"]
    const auth = ["-H", `Authorization: Bearer ${placeholder}`, blind.url()]
    const tried = await outputOf("setpriv", [...as, ...curl, ...auth])
    expect(tried).toContain("407")
    expect(blind.service.got).toEqual([])
    // The token is where only this user looks.
    const pids = [program.command.pid ?? 0, ...descendants(program.command.pid ?? 0)]
    for (const pid of pids) {
      expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).not.toContain(proxy.password)
      const read = await outputOf("setpriv", [...as, "cat", `/proc/${pid}/environ`])
      expect(read).not.toContain(proxy.password)
    }
    await program.end()
  })

  test("who guesses tokens gets none", async () => {
    const program = start({ isolate: "none" })
    const proxy = new URL((await program.sh('printf %s "$HTTPS_PROXY"')).trim())
    for (const guess of ["", "x", proxy.password.slice(1), `${proxy.password}x`]) {
      const url = `http://x:${guess}@127.0.0.1:${proxy.port}`
      const said = await outputOf("curl", [
        "-sS",
        "-k",
        "--max-time",
        `${HANG / 1000}`,
        "-x",
        url,
        blind.url(),
      ])
      expect(said).toContain("407")
    }
    expect(blind.service.got).toEqual([])
    await program.end()
  })
})

function outputOf(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    let said = ""
    const child = spawn(file, [...args])
    child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")))
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")))
    child.once("close", () => resolve(said))
  })
}
