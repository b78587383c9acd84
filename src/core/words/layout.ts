import { LIMITS } from "./limits.js"
import { type SecretName, parseAgentName, parseGroupName, parseSecretName } from "./names.js"

/** Where each thing lies inside `.agent-vault`. All paths are relative to it and use `/`. */
export const VAULT_FOLDER = ".agent-vault"
export const VAULT_RECORD = "vault.json"
export const MANIFEST = "manifest.yaml"
export const ATTRIBUTES = ".gitattributes"
/** The rules of a vault's policy, whose digest vault.json signs; and what people edit of it. */
export const POLICY = "policy.json"
export const POLICY_WISH = "policy.yaml"

/** What a vault's `.gitattributes` say (gitattributes, "DESCRIPTION"). Without the first, Git may convert records. */
export const ATTRIBUTE_LINES = [
  "* -text -filter -ident",
  "*.age -diff -merge",
  "*.json merge=agent-vault",
  "manifest.yaml merge=agent-vault",
] as const

export const agentRecordPath = (agent: string): string => `agents/${agent}.json`
export const escrowPath = (agent: string): string => `agents/${agent}.age`
export const groupRecordPath = (group: string): string => `groups/${group}.json`
export const groupKeyPath = (group: string): string => `groups/${group}.age`
export const groupPastPath = (group: string): string => `groups/${group}.past.age`
export const secretRecordPath = (name: SecretName): string => `secrets/${name.full}.json`
/** A head of the chain `id` (`sha256:…`), with the line `seq` as its last: never changed again. */
export const auditHeadPath = (agent: string, id: string, seq: number): string =>
  `audit/${agent}/${id.slice("sha256:".length, "sha256:".length + 16)}-${seq}.json`
export const secretPath = (name: SecretName): string => `secrets/${name.full}.age`

/** The record that signs the digest of a sealed file. */
export const recordOfSealed = (path: string): string => path.replace(/(?:\.past)?\.age$/, ".json")

/** The hint for files that are not what was signed. All that one signature covers comes back together. */
export function bringBack(...paths: readonly string[]): string {
  const files = paths.map((path) => `${VAULT_FOLDER}/${path}`).join(" ")
  return `bring back the signed version: git restore --source=HEAD --staged --worktree -- ${files}; where HEAD has the damage too, put a commit before it for HEAD: git log -- ${files}`
}

/** A path of the repository that lies in a vault. */
export interface PathInVault {
  /** The vault's folder, from the top of the work tree. */
  readonly folder: string
  /** From there; empty for the folder's own name. */
  readonly path: string
}

/** Takes apart a path that lies in a vault, however the file system spells the folder. */
export function vaultPath(path: string): PathInVault | undefined {
  const [, folder, inside = ""] = /^((?:.*\/)?\.agent-vault)(?:\/(.*))?$/is.exec(path) ?? []
  return folder === undefined ? undefined : { folder, path: inside }
}

/** The limit of a file of a vault, in bytes. */
export function limitOf(path: string): number {
  if (path === MANIFEST) return LIMITS.manifest
  if (path.endsWith(".json") || path === POLICY_WISH) return LIMITS.record
  return /^(?:agents|groups)\/.*\.age$/.test(path) ? LIMITS.sealedKey : LIMITS.sealed
}

/** What a vault's file is, as its path alone says. */
export type VaultFile =
  | { readonly is: "vault" | "manifest" | "attributes" | "policy" | "policy-wish" | "stray" }
  | { readonly is: "agent" | "escrow"; readonly agent: string }
  | { readonly is: "group" | "group-key" | "group-past"; readonly group: string }
  | { readonly is: "secret" | "sealed"; readonly secret: SecretName }
  | { readonly is: "audit-head"; readonly agent: string }

/** Tells what `path` is; `stray` for anything that has no place in a vault. */
export function classify(path: string): VaultFile {
  if (path === VAULT_RECORD) return { is: "vault" }
  if (path === MANIFEST) return { is: "manifest" }
  if (path === ATTRIBUTES) return { is: "attributes" }
  if (path === POLICY) return { is: "policy" }
  if (path === POLICY_WISH) return { is: "policy-wish" }
  try {
    return classifyNamed(path)
  } catch {
    return { is: "stray" }
  }
}

function classifyNamed(path: string): VaultFile {
  // By index: what takes an array apart in order makes an object for each part of each path.
  const { 1: folder, 2: stem = "", 3: ending } = /^([a-z]+)\/(.+)\.(json|age)$/.exec(path) ?? []
  const isRecord = ending === "json"
  if (folder === "agents") return { is: isRecord ? "agent" : "escrow", agent: parseAgentName(stem) }
  if (folder === "secrets") {
    return { is: isRecord ? "secret" : "sealed", secret: parseSecretName(stem) }
  }
  if (folder === "audit") {
    const [, agent = ""] = /^([^/]+)\/[0-9a-f]{16}-[1-9]\d{0,15}$/.exec(stem) ?? []
    return isRecord ? { is: "audit-head", agent: parseAgentName(agent) } : { is: "stray" }
  }
  if (folder !== "groups") return { is: "stray" }
  if (!isRecord && stem.endsWith(".past")) {
    return { is: "group-past", group: parseGroupName(stem.slice(0, -".past".length)) }
  }
  return { is: isRecord ? "group" : "group-key", group: parseGroupName(stem) }
}
