// Prints where the Python is that has the servers of other stores, which the tests ask: OpenBao,
// PostgreSQL, and moto for AWS; installs them on the first call, in the versions and with the digests
// that store-servers/ names. Exit code 3: they cannot be had here.
import { fileURLToPath } from "node:url"
import { pinnedPython, printFound } from "./pinned.mjs"

const pins = new URL("store-servers/", import.meta.url)

/** Finds the Python whose packages hold the servers, as programs and as modules. */
export function storeServers() {
  return pinnedPython({
    name: "store-servers",
    what: "which sources and leases are tried with",
    pins,
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) printFound([await storeServers()])
