import { faultShim } from "../../scripts/fault-shim.mjs"
import { testUnless } from "../needs.js"

const found = await faultShim()

/** Where the shim is that lets system calls fail; empty where there is none. */
export const shim = "path" in found ? found.path : ""

/** Why there is none, if so. */
export const lackOfShim = "missing" in found ? found.missing : undefined

/** A test that needs the shim. */
export function testWithFaults(name: string, body: () => void | Promise<void>): void {
  testUnless(lackOfShim, name, body)
}
