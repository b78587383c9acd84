import {
  POLICY,
  VAULT_RECORD,
  agentRecordPath,
  classify,
  escrowPath,
  groupKeyPath,
  groupPastPath,
  groupRecordPath,
  secretPath,
  secretRecordPath,
} from "./layout.js"

/**
 * The path of the record that a file belongs to. A record and the files whose digests it signs are
 * one unit: they come from one side, all of them. Every other file is a unit of its own.
 */
export function unitOf(path: string): string {
  const file = classify(path)
  if (file.is === "policy") return VAULT_RECORD
  if (file.is === "escrow") return agentRecordPath(file.agent)
  if (file.is === "group-key" || file.is === "group-past") return groupRecordPath(file.group)
  return file.is === "sealed" ? secretRecordPath(file.secret) : path
}

/** The paths of all files that a unit may have. */
export function pathsOf(unit: string): readonly string[] {
  const file = classify(unit)
  if (file.is === "vault") return [unit, POLICY]
  if (file.is === "agent") return [unit, escrowPath(file.agent)]
  if (file.is === "group") return [unit, groupKeyPath(file.group), groupPastPath(file.group)]
  return file.is === "secret" ? [unit, secretPath(file.secret)] : [unit]
}
