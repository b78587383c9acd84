import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import type { StockAge } from "../stock-age.js"

/**
 * What a key file opens in the vault of a work tree, with stock age alone: the group's identity with
 * the key, then each secret of the group with that. By name, each value as text.
 */
export function openedBy(
  { age }: StockAge,
  repo: string,
  keyFile: string,
): Readonly<Record<string, string>> {
  const vault = join(repo, ".agent-vault")
  const opened: Record<string, string> = {}
  for (const group of ageFiles(join(vault, "groups"))) {
    // Earlier keys of a group: only an owner opens them, and no present value is sealed to one.
    if (group.endsWith(".past")) continue
    const identity = attempt(() =>
      age(["-d", "-i", keyFile, join(vault, "groups", `${group}.age`)]),
    )
    const secrets = join(vault, "secrets", group)
    if (identity === undefined || !existsSync(secrets)) continue
    for (const secret of ageFiles(secrets)) {
      const value = age(["-d", "-i", "-", join(secrets, `${secret}.age`)], identity)
      opened[`${group}/${secret}`] = Buffer.from(value).toString("utf8")
    }
  }
  return opened
}

function attempt<T>(open: () => T): T | undefined {
  try {
    return open()
  } catch (error) {
    if (/no identity matched/.test(String(error))) return undefined
    throw error
  }
}

function ageFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".age"))
    .map((name) => name.slice(0, -".age".length))
    .sort()
}
