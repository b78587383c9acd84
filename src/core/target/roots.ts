import { readFileSync } from "node:fs"
import { type SecureContext, createSecureContext, rootCertificates } from "node:tls"
import { inaccessible, isErrno } from "../words/system-error.js"

/** Where systems keep the authorities that their user trusts, as one PEM file. */
const SYSTEM_ROOTS: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
]

/**
 * The authorities that the user trusts, as PEM: the file in `SSL_CERT_FILE`, else the system's,
 * else Node's; and those in `NODE_EXTRA_CA_CERTS`. Throws `NO_ACCESS` if a file that a variable
 * names cannot be read.
 */
export function readRoots(environment: Readonly<Record<string, string | undefined>>): string {
  const { SSL_CERT_FILE: file, NODE_EXTRA_CA_CERTS: extra } = environment
  const roots = file ? readNamed(file) : systemRoots()
  return extra ? `${roots}\n${readNamed(extra)}` : roots
}

/**
 * What connections to the outside are verified with. Made once for a run: an agent or a connection
 * that is given the list of authorities reads it each time.
 */
export function upstreamContext(roots: string): SecureContext {
  return createSecureContext({ ca: roots, minVersion: "TLSv1.2" })
}

function systemRoots(): string {
  for (const path of SYSTEM_ROOTS) {
    try {
      return readFileSync(path, "latin1")
    } catch (error) {
      if (!isErrno(error, "ENOENT", "ENOTDIR")) throw inaccessible("read", path, error)
    }
  }
  return rootCertificates.join("\n")
}

function readNamed(path: string): string {
  try {
    return readFileSync(path, "latin1")
  } catch (error) {
    throw inaccessible("read", path, error)
  }
}
