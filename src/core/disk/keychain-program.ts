import { platform } from "node:os"

/** What a keychain finds a password by. */
export interface KeychainEntry {
  readonly service: string
  readonly account: string
}

/** The program by which a system's keychain is reached, and how it is called. No value is in its arguments. */
interface KeychainProgram {
  readonly name: string
  /** Prints the password of an entry. */
  readonly find: (entry: KeychainEntry) => readonly string[]
  /** Of what it printed, the password. */
  readonly found: (printed: Buffer) => Buffer
  /** Keeps a password, of letters, digits and `-`, in the place of an earlier one. */
  readonly keep: (
    entry: KeychainEntry,
    password: string,
  ) => { readonly args: readonly string[]; readonly input: string }
  readonly remove: (entry: KeychainEntry) => readonly string[]
}

/** The keychain of macOS. Its program reads commands on stdin with `-i`, and ends a password with a newline. */
const SECURITY: KeychainProgram = {
  name: "security",
  find: ({ service, account }) => ["find-generic-password", "-s", service, "-a", account, "-w"],
  found: (printed) => (printed.at(-1) === 0x0a ? printed.subarray(0, -1) : printed),
  keep: ({ service, account }, password) => ({
    args: ["-i"],
    input: `add-generic-password -U -s "${service}" -a "${account}" -w "${password}"\n`,
  }),
  remove: ({ service, account }) => ["delete-generic-password", "-s", service, "-a", account],
}

/** The Secret Service. Its program reads a password on stdin, and prints it as it is where it is piped. */
const SECRET_TOOL: KeychainProgram = {
  name: "secret-tool",
  find: ({ service, account }) => ["lookup", "service", service, "account", account],
  found: (printed) => printed,
  keep: ({ service, account }, password) => ({
    args: ["store", `--label=${service}`, "service", service, "account", account],
    input: password,
  }),
  remove: ({ service, account }) => ["clear", "service", service, "account", account],
}

/** What reaches the keychain of a system. */
export function keychainProgram(system = platform()): KeychainProgram {
  return system === "darwin" ? SECURITY : SECRET_TOOL
}
