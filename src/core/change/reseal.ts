import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { sealer, unlocker } from "../age/age.js"
import { type ErrorCode, VaultError } from "../words/errors.js"
import { bringBack, recordOfSealed } from "../words/layout.js"
import { givingWay } from "../words/giving-way.js"

/** A ciphertext to re-encrypt, with the identity that opens it. */
export interface Resealing {
  readonly ciphertext: Uint8Array
  readonly identity: string
  /** Names the file in errors. */
  readonly path: string
}

/** What a worker answers for each of its jobs. */
type Resealed =
  | { readonly ciphertext: Uint8Array }
  | { readonly code: ErrorCode; readonly message: string; readonly path: string }

/** Fewer are done sooner than a worker has started. */
const WORTH_A_WORKER = 250
const BATCH = 50
const MOST_WORKERS = 8
/** What a worker makes is small and soon garbage: collected early, it takes a third of the memory. */
const SMALL = { maxYoungGenerationSizeMb: 4 }

/** Takes what was made of a job. The jobs of many come in no order. */
type OnResealed<J> = (job: J, ciphertext: Uint8Array) => void

/**
 * Opens the ciphertext of each of `count` jobs and seals its content to `recipient`. Many are shared
 * among all cores: values and keys stay in the memory of this process, whose threads these are. A
 * job is asked for when its turn comes, and let go when it is done.
 * Throws `NOT_A_READER` and `CIPHERTEXT_DAMAGED`, naming the file.
 */
export async function resealAll<J extends Resealing>(
  jobs: Iterable<J>,
  count: number,
  recipient: string,
  onResealed: OnResealed<J>,
): Promise<void> {
  const file = workerFile()
  const isWorth = count >= WORTH_A_WORKER && availableParallelism() > 1
  if (!isWorth || file === undefined || !existsSync(file)) {
    return resealHere(jobs, recipient, onResealed)
  }
  return resealThere(jobs, recipient, onResealed, file)
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

async function resealHere<J extends Resealing>(
  jobs: Iterable<J>,
  recipient: string,
  onResealed: OnResealed<J>,
): Promise<void> {
  const reseal = resealer(recipient)
  const turn = givingWay()
  for (const job of jobs) {
    onResealed(job, bytesOf(await reseal(job)))
    await turn()
  }
}

async function resealThere<J extends Resealing>(
  jobs: Iterable<J>,
  recipient: string,
  onResealed: OnResealed<J>,
  file: string,
): Promise<void> {
  const left = jobs[Symbol.iterator]()
  const count = Math.min(availableParallelism(), MOST_WORKERS)
  const options = { workerData: recipient, resourceLimits: SMALL }
  const workers = Array.from({ length: count }, () => new Worker(file, options))
  const serve = async (worker: Worker): Promise<void> => {
    for (let batch = take(left); batch.length > 0; batch = take(left)) {
      const answers = await ask(worker, batch)
      for (const [index, job] of batch.entries()) onResealed(job, bytesOf(answers[index]))
    }
  }
  try {
    await Promise.all(workers.map(serve))
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function take<J>(jobs: Iterator<J>): J[] {
  const batch: J[] = []
  while (batch.length < BATCH) {
    const next = jobs.next()
    if (next.done === true) break
    batch.push(next.value)
  }
  return batch
}

function ask(worker: Worker, batch: readonly Resealing[]): Promise<readonly Resealed[]> {
  return new Promise((resolve, reject) => {
    worker.once("error", reject)
    worker.once("message", (answers: readonly Resealed[]) => {
      worker.removeListener("error", reject)
      resolve(answers)
    })
    const jobs: Resealing[] = batch.map(({ ciphertext, identity, path }) => {
      return { ciphertext, identity, path }
    })
    worker.postMessage(jobs)
  })
}

function bytesOf(answer: Resealed | undefined): Uint8Array {
  if (answer === undefined) throw new TypeError("a worker answered too little")
  if ("ciphertext" in answer) return answer.ciphertext
  throw new VaultError(answer.code, `${answer.path}: ${answer.message}`, {
    hint: bringBack(recordOfSealed(answer.path), answer.path),
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
