import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { sealer, unlocker } from "../age/age.js"
import { type ErrorCode, VaultError } from "../words/errors.js"

/** A ciphertext to re-encrypt, with the identity that opens it. */
export interface Resealing {
  readonly ciphertext: Uint8Array
  readonly identity: string
  /** Names the file in errors. */
  readonly path: string
}

/** What a worker answers for each of its jobs. */
export type Resealed =
  | { readonly ciphertext: Uint8Array }
  | { readonly code: ErrorCode; readonly message: string; readonly path: string }

/** Fewer are done sooner than a worker has started. */
const WORTH_A_WORKER = 250
const BATCH = 50
const MOST_WORKERS = 8

/**
 * Opens each ciphertext and seals its content to `recipient`; in the same order. Many are shared
 * among all cores: values and keys stay in the memory of this process, whose threads these are.
 * Throws `NOT_A_READER` and `CIPHERTEXT_DAMAGED`, naming the file.
 */
export async function resealAll(
  jobs: readonly Resealing[],
  recipient: string,
  onDone: (count: number) => void,
): Promise<readonly Uint8Array[]> {
  const file = workerFile()
  const isWorth = jobs.length >= WORTH_A_WORKER && availableParallelism() > 1
  if (!isWorth || file === undefined || !existsSync(file)) {
    return resealHere(jobs, recipient, onDone)
  }
  const count = Math.min(availableParallelism(), MOST_WORKERS)
  return resealThere(jobs, recipient, onDone, file, count)
}

/** Does one job after another; a worker calls it for its batches. */
export function resealer(recipient: string): (job: Resealing) => Promise<Resealed> {
  const seal = sealer([recipient])
  const openers = new Map<string, ReturnType<typeof unlocker>>()
  return async ({ ciphertext, identity, path }) => {
    const open = openers.get(identity) ?? unlocker([identity])
    openers.set(identity, open)
    try {
      return { ciphertext: await seal(await open(ciphertext)) }
    } catch (error) {
      if (!(error instanceof VaultError)) throw error
      return { code: error.code, message: error.message, path }
    }
  }
}

async function resealHere(
  jobs: readonly Resealing[],
  recipient: string,
  onDone: (count: number) => void,
): Promise<Uint8Array[]> {
  const reseal = resealer(recipient)
  const results: Uint8Array[] = []
  for (const job of jobs) {
    results.push(bytesOf(await reseal(job)))
    onDone(results.length)
  }
  return results
}

async function resealThere(
  jobs: readonly Resealing[],
  recipient: string,
  onDone: (count: number) => void,
  file: string,
  count: number,
): Promise<Uint8Array[]> {
  const results: Uint8Array[] = []
  let [next, done] = [0, 0]
  const workers = Array.from({ length: count }, () => new Worker(file, { workerData: recipient }))
  const serve = async (worker: Worker): Promise<void> => {
    while (next < jobs.length) {
      const start = next
      next += BATCH
      const answers = await ask(worker, jobs.slice(start, start + BATCH))
      for (const [index, answer] of answers.entries()) results[start + index] = bytesOf(answer)
      done += answers.length
      onDone(done)
    }
  }
  try {
    await Promise.all(workers.map(serve))
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
  return results
}

function ask(worker: Worker, batch: readonly Resealing[]): Promise<readonly Resealed[]> {
  return new Promise((resolve, reject) => {
    worker.once("error", reject)
    worker.once("message", (answers: readonly Resealed[]) => {
      worker.removeListener("error", reject)
      resolve(answers)
    })
    worker.postMessage(batch)
  })
}

function bytesOf(answer: Resealed): Uint8Array {
  if ("ciphertext" in answer) return answer.ciphertext
  throw new VaultError(answer.code, `${answer.path}: ${answer.message}`, {
    hint: "bring back the signed version with git; see: agent-vault check",
  })
}

/**
 * Beside this module, in the library and in the bundle; not there when the sources are run. A module
 * that somebody else's bundler made of this one need not know where it is.
 */
function workerFile(): string | undefined {
  if (!URL.canParse(import.meta.url)) return undefined
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf("."))
  return fileURLToPath(new URL(`./reseal-worker${ending}`, import.meta.url))
}
