import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type KeyKind, recipientOf } from "../../../src/core/age/age.js"
import { encodeBech32 } from "../../../src/core/age/bech32.js"
import type { Key } from "../../../src/core/keys/key-files.js"
import { signingKey } from "../../../src/core/records/signature.js"

/** The vectors of test/vectors, whose README.md says what each member means. */
export const vectorsFolder = fileURLToPath(new URL("../../vectors", import.meta.url))
export const vaultNames: readonly string[] = [
  "classic",
  "owners",
  "post-quantum",
  "revoked",
  "uses",
  "rotations",
  "removals",
  "later-removals",
  "policies",
  "sources",
  "tags",
  "leases",
  "later-leases",
]

type Edit = { readonly path: string } & (
  | { readonly do: "replace"; readonly old: string; readonly new: string }
  | { readonly do: "write"; readonly text: string }
  | { readonly do: "copy"; readonly from: string }
  | { readonly do: "remove" }
  | { readonly do: "cut"; readonly by: number }
  | { readonly do: "pad"; readonly to: number }
  | { readonly do: "flip"; readonly at: number; readonly mask: number }
  | { readonly do: "link"; readonly target: string }
)

export interface Case {
  readonly name: string
  readonly vault: string
  /** The clone has read the vault before the edits. */
  readonly seen?: boolean
  readonly edits: readonly Edit[]
  readonly as: string
  readonly read: string
  readonly now: string
  /** Whose signer is trusted: the one in keys.json when absent, nobody's when null. */
  readonly trust?: string | null
  readonly error?: string
  readonly value?: { readonly hex?: string; readonly sha256?: string }
  readonly checker: "ok" | "refused"
}

interface Keys {
  readonly vault: string
  readonly trust: string
  readonly kind: KeyKind
  readonly keys: Readonly<Record<string, { readonly role: string; readonly throwaway: string }>>
}

export const cases = (readJson("cases.json") as { readonly cases: readonly Case[] }).cases

export function keysOf(vault: string): Keys {
  return readJson(`${vault}/keys.json`) as Keys
}

/** The identity line of a throwaway key. */
export function identityOf(vault: string, name: string): string {
  const { kind, keys } = keysOf(vault)
  const prefix = kind === "x25519" ? "AGE-SECRET-KEY-" : "AGE-SECRET-KEY-PQ-"
  return encodeBech32(prefix, Buffer.from(keys[name]?.throwaway ?? "", "hex"))
}

/** A key as it would come from a key file without comments. */
export async function keyOf(vault: string, name: string): Promise<Key> {
  const identity = identityOf(vault, name)
  return { identity, recipient: await recipientOf(identity) }
}

/** The signer that a case trusts. */
export function trustOf({ vault, trust }: Pick<Case, "vault" | "trust">): string | undefined {
  if (trust === null) return undefined
  return trust === undefined ? keysOf(vault).trust : signingKey(identityOf(vault, trust)).signer
}

/** A copy of a vault in a folder that looks like a checkout of `main`, so that marks are kept. */
export class Copy {
  readonly folder = mkdtempSync(join(tmpdir(), "agent-vault-vector-"))
  readonly clone = join(this.folder, "clone")
  readonly root = join(this.clone, ".agent-vault")
  readonly #vault: string

  constructor(vault: string) {
    this.#vault = vault
    cpSync(join(vectorsFolder, vault, "vault"), this.clone, { recursive: true })
    mkdirSync(join(this.clone, ".git"))
    writeFileSync(join(this.clone, ".git/HEAD"), "ref: refs/heads/main\n")
  }

  /** The environment of a user who knows this clone only. */
  env(trust: string | undefined): Record<string, string> {
    const own = { HOME: this.folder }
    return trust === undefined ? own : { ...own, AGENT_VAULT_TRUST: trust }
  }

  /** Every file of the vault, relative to it. */
  files(): string[] {
    const entries = readdirSync(this.root, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    return files.map((entry) => join(entry.parentPath, entry.name).slice(this.root.length + 1))
  }

  apply(edit: Edit): void {
    const file = join(this.root, edit.path)
    if (edit.do === "remove") return unlinkSync(file)
    if (edit.do === "link") {
      unlinkSync(file)
      return symlinkSync(edit.target, file)
    }
    const bytes = this.#edited(edit, file)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #edited(edit: Exclude<Edit, { do: "remove" | "link" }>, file: string): Uint8Array {
    if (edit.do === "write") return Buffer.from(edit.text)
    if (edit.do === "copy") return readFileSync(this.#source(edit.from))
    const bytes = readFileSync(file)
    if (edit.do === "cut") return bytes.subarray(0, -edit.by)
    if (edit.do === "pad") return Buffer.concat([bytes, Buffer.alloc(edit.to - bytes.length, "\n")])
    if (edit.do === "flip") {
      const at = edit.at < 0 ? bytes.length + edit.at : edit.at
      bytes.writeUInt8(bytes.readUInt8(at) ^ edit.mask, at)
      return bytes
    }
    const parts = bytes.toString("utf8").split(edit.old)
    if (parts.length !== 2) throw new Error(`${edit.path} holds ${edit.old} not exactly once`)
    return Buffer.from(parts.join(edit.new))
  }

  /** A file of this vault as committed, or one that lies elsewhere among the vectors. */
  #source(from: string): string {
    const isElsewhere = from.startsWith("forged/") || from.includes("/vault/.agent-vault/")
    if (isElsewhere) return join(vectorsFolder, from)
    return join(vectorsFolder, this.#vault, "vault/.agent-vault", from)
  }
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(vectorsFolder, path), "utf8"))
}
