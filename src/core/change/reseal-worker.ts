// A thread that re-encrypts batches for reseal.ts, which starts it.
import { parentPort, workerData } from "node:worker_threads"
import { type Resealing, resealer } from "./reseal.js"

const reseal = resealer(String(workerData))

parentPort?.on("message", (batch: readonly Resealing[]) => {
  void Promise.all(batch.map(reseal)).then((answers) => parentPort?.postMessage(answers))
})
