import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect } from "vitest"
import { Machine } from "../../scripts/faults/machine.mjs"
import { OPERATIONS, makeVault } from "../../scripts/faults/operations.mjs"
import { strace } from "../../scripts/strace.mjs"
import { testUnless } from "../needs.js"
import { lackOfShim, shim } from "./shim.js"

const tracer = await strace()
const lack = lackOfShim ?? ("missing" in tracer ? tracer.missing : undefined)

/** The calls of the shim, by the system calls that strace sees. */
const CALLS: Readonly<Record<string, string>> = {
  openat: "open",
  open: "open",
  creat: "open",
  write: "write",
  writev: "write",
  pwrite64: "write",
  pwritev: "write",
  pwritev2: "write",
  sendfile: "write",
  copy_file_range: "copy_file_range",
  rename: "rename",
  renameat: "rename",
  renameat2: "rename",
  link: "link",
  linkat: "link",
  symlink: "symlink",
  symlinkat: "symlink",
  unlink: "unlink",
  unlinkat: "unlink",
  rmdir: "rmdir",
  mkdir: "mkdir",
  mkdirat: "mkdir",
  fsync: "fsync",
  fdatasync: "fsync",
  syncfs: "fsync",
  sync_file_range: "sync_file_range",
  truncate: "truncate",
  ftruncate: "truncate",
  fallocate: "fallocate",
  chmod: "chmod",
  fchmod: "chmod",
  fchmodat: "chmod",
  utimensat: "utimens",
  utime: "utimens",
  utimes: "utimens",
  mknod: "mknod",
  mknodat: "mknod",
  setxattr: "setxattr",
  fsetxattr: "setxattr",
  chown: "chown",
  fchown: "chown",
  fchownat: "chown",
  io_uring_setup: "io_uring",
}

const STARTS = ["fork", "vfork", "clone", "clone3"]
/** The end of a call that starts a process: who made it, and the process. */
const STARTED = /^(\d+) +(?:<\.\.\. )?(?:v?fork|clone3?)\b.* = (\d+)$/

const machine = new Machine(realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-shim-"))))

beforeAll(async () => {
  if (lack !== undefined) return
  await makeVault(machine)
  machine.save("vault")
})

afterAll(() => machine.remove())

describe("no call that changes a file escapes the shim:", () => {
  for (const { name, args, prepare } of OPERATIONS) {
    testUnless(lack, name, async () => {
      machine.restore("vault")
      await prepare?.(machine, shim)
      const { seen, logged } = await callsOf(args(machine))
      expect(seen).toEqual(logged)
      expect(seen).toHaveProperty("open")
    })
  }
})

/** How many calls of each kind strace saw, and how many the shim. */
async function callsOf(args: readonly string[]): Promise<{ seen: object; logged: object }> {
  const log = join(machine.folder, "log")
  const trace = join(machine.folder, "trace")
  rmSync(log, { force: true })
  const env = ["LD_PRELOAD=" + shim, "FAULTS_ROOTS=" + machine.roots, "FAULTS_LOG=" + log]
  const traced = [...Object.keys(CALLS), ...STARTS, "chdir"].join(",")
  const watch = ["-f", "-y", "-s", "4096", "-e", `trace=${traced}`]
  const through = "path" in tracer ? [tracer.path, ...watch] : []
  const variables = env.flatMap((variable) => ["-E", variable])
  const { code, said } = await machine.run(args, {}, [...through, ...variables, "-o", trace])
  expect([code, said]).toEqual([0, said])
  const lines = readFileSync(trace, "utf8").split("\n")
  const away = workingAway(lines)
  const seen = counted(lines.flatMap((line) => callIn(line, away)))
  const logged = counted(
    readFileSync(log, "utf8")
      .split("\n")
      .flatMap((line) => line.split("\t", 1).filter(Boolean)),
  )
  return { seen, logged }
}

/** The call in a line of strace, if it changes a file that counts. */
function callIn(line: string, away: ReadonlySet<string>): string[] {
  const [, pid = "", name = "", rest = ""] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? []
  const call = CALLS[name]
  if (call === undefined) return []
  // Libuv's ring for files has a thread in the kernel; its others are for what to wait for.
  if (call === "io_uring") return rest.includes("IORING_SETUP_SQPOLL") ? [call] : []
  if (call === "open" && name !== "creat" && !/O_(?:WRONLY|RDWR|CREAT|TRUNC)/.test(rest)) return []
  if (!isBelow(machine, rest, away.has(pid))) return []
  return [name === "unlinkat" && rest.includes("AT_REMOVEDIR") ? "rmdir" : call]
}

/** The processes that work in a remote's folder, with those that they started. */
function workingAway(lines: readonly string[]): ReadonlySet<string> {
  const away = new Set<string>()
  for (const line of lines) {
    const [, pid = ""] = /^(\d+) +chdir\("[^"]*\/remote\.git(?:\/[^"]*)?"/.exec(line) ?? []
    if (pid !== "") away.add(pid)
    const [, parent = "", child = ""] = STARTED.exec(line) ?? []
    if (away.has(parent)) away.add(child)
  }
  return away
}

/** Whether a call is about a file that counts; what is written is not looked at. */
function isBelow({ repo, keys, state }: Machine, rest: string, isAway: boolean): boolean {
  const [, open] = /^\d+<([^>]*)>/.exec(rest) ?? []
  const named = open === undefined ? [...rest.matchAll(/"([^"]*)"/g)].at(-1)?.[1] : undefined
  const path = open ?? named ?? ""
  // Every other process works in the repository, or in an empty folder where it names whole paths.
  if (named !== undefined && !named.startsWith("/")) return !isAway
  return [repo, keys, state].some((folder) => path.startsWith(`${folder}/`) || path === folder)
}

function counted(calls: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const call of calls) counts[call] = (counts[call] ?? 0) + 1
  return counts
}
