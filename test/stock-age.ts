import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { stockAge } from "../scripts/stock-age.mjs"
import { testUnless } from "./needs.js"

/** What a test wants of the stock age that is here. */
export type StockAgeFeature = "classic" | "hybrid" | "passphrase"

/** The stock tools. Each takes arguments, stdin and environment, and gives stdout or throws. */
export interface StockAge {
  readonly age: StockTool
  readonly keygen: StockTool
}

export type StockTool = (
  args: readonly string[],
  input?: Uint8Array | string,
  environment?: Record<string, string>,
) => Uint8Array

const found = await stockAge()

/** A test that needs stock age, and one that is not too old. */
export function testWithStockAge(
  name: string,
  feature: StockAgeFeature,
  body: (tools: StockAge) => Promise<void>,
): void {
  testUnless(lackOf(feature), name, () =>
    body({ age: stockTool("age"), keygen: stockTool("age-keygen") }),
  )
}

function lackOf(feature: StockAgeFeature): string | undefined {
  if ("missing" in found) return found.missing
  const { dir, version, postQuantum } = found
  if (feature === "hybrid" && !postQuantum) return `age ${version} knows no post-quantum keys`
  const batchpass = ["age-plugin-batchpass", "age-plugin-batchpass.exe"]
  if (feature === "passphrase" && !batchpass.some((file) => existsSync(join(dir, file)))) {
    return `age ${version} has no age-plugin-batchpass`
  }
  return undefined
}

function stockTool(name: string): StockTool {
  const dir = "missing" in found ? "" : found.dir
  return (args, input = "", environment = {}) => {
    // age looks for its plugins on PATH.
    const PATH = `${dir}${delimiter}${process.env["PATH"] ?? ""}`
    const env = { ...process.env, PATH, ...environment }
    const maxBuffer = 64 * 2 ** 20
    const result = spawnSync(join(dir, name), args, { input, env, maxBuffer })
    // Before the error of the pipe: a tool that refuses its arguments need not read its stdin.
    if (result.status) throw new Error(`${name} says: ${result.stderr.toString()}`)
    if (result.error) throw result.error
    if (result.status !== 0) throw new Error(`${name} was ended by ${result.signal}`)
    return new Uint8Array(result.stdout)
  }
}
