import { type ChildProcessByStdio, spawn } from "node:child_process"
import { delimiter, parse } from "node:path"
import type { Readable } from "node:stream"
import type { Environment } from "../disk/homes.js"
import { foldersOutside, isWithin, programIn } from "../disk/outside-program.js"
import type { Place } from "../disk/place.js"
import { LIMITS } from "../words/limits.js"

/** How long a store may take: some wait for a person's finger. In ms. */
const STORE_MS = 60_000
const OURS = /^AGENT_VAULT_/i

/** Why a store's program gave nothing, in words, and what to do where it is not the store's fault. */
export class StoreFailure extends Error {
  readonly mend: string | undefined

  constructor(why: string, mend?: string) {
    super(why)
    this.mend = mend
  }
}

/**
 * Runs a store's own program, which is found on PATH outside of the repository, runs from the root
 * folder, reads nothing and has no shell. All that it printed; what it said on stderr may quote the
 * value, and goes by. `timeLimit` is in ms. Rejects with a {@link StoreFailure}.
 */
export async function runStore(
  place: Place,
  env: Environment,
  program: string,
  args: readonly string[],
  timeLimit = STORE_MS,
): Promise<Buffer> {
  const top = place.checkout?.top ?? place.root
  const folders = foldersOutside(top, env["PATH"])
  const file = programIn(folders, program)
  if (file === undefined || isWithin(top, file)) {
    throw new StoreFailure(
      `there is no program ${program} on PATH`,
      `install ${program}, outside of the repository`,
    )
  }
  const others = Object.entries(env).filter(([name]) => !OURS.test(name))
  const child = spawn(file, args, {
    cwd: parse(place.root).root,
    env: { ...Object.fromEntries(others), PATH: folders.join(delimiter), AWS_PAGER: "" },
    stdio: ["ignore", "pipe", "ignore"],
    windowsHide: true,
  })
  return printedBy(child, program, timeLimit)
}

function printedBy(
  child: ChildProcessByStdio<null, Readable, null>,
  program: string,
  timeLimit: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let size = 0
    const forget = (): void => {
      clearTimeout(timer)
      for (const piece of pieces) piece.fill(0)
    }
    const fail = (why: string): void => {
      forget()
      child.kill("SIGKILL")
      // What it started may hold the pipe.
      child.stdout.destroy()
      reject(new StoreFailure(`${program} ${why}`))
    }
    const timer = setTimeout(() => fail(`took longer than ${timeLimit / 1000} s`), timeLimit)
    child.stdout.on("data", (piece: Buffer) => {
      pieces.push(piece)
      size += piece.length
      // Around a value stand JSON and base64.
      if (size > 2 * LIMITS.value) fail("printed more than a secret may hold")
    })
    child.once("error", () => fail("could not be started"))
    child.once("close", (code, signal) => {
      if (code !== 0) fail(signal === null ? `ended with ${code ?? ""}` : `was ended by ${signal}`)
      resolve(Buffer.concat(pieces))
      forget()
    })
  })
}
