import { dirname, relative, resolve } from "node:path"
import { type Environment, VaultError, findVault, shellWord } from "../../core/index.js"
import { type Call, longestNamed } from "../parse/call.js"
import { quickSpec } from "../parse/quick.js"

/** Git in a hint, where it names files of the vault from the folder that the vault lies in. */
const GIT_ON_FILES = /\bgit (?=(?:restore|log|add|rm) [^;]*-- \.agent-vault\b)/g

/** A line of ours, by its command; not one that says where. */
const OURS = /\bagent-vault ([a-z]+(?:[ -][a-z]+)*)(?![^;\n]* --dir\b)/g

/** What stands before a line that an owner types, in a clone of their own. */
const AN_OWNERS = /(?<!with |is )\ban(?:other)? owner\b[^;:]*: $|who sees it by $/

/** A hint whose lines find these files from where they are typed. No others ask where: it may be gone. */
export function fromHere(text: string, call: Call, cwd: () => string): string {
  const hint = inSameFolder(text, call)
  if (hint.search(GIT_ON_FILES) === -1) return hint
  const here = cwd()
  const { dir } = call.options
  const folder = folderOfVault(resolve(here, typeof dir === "string" ? dir : ""))
  const way = folder === undefined ? "" : relative(here, folder)
  return way === "" ? hint : hint.replaceAll(GIT_ON_FILES, `git -C ${shellWord(way)} `)
}

/** Our own lines, with the folder that the call was given: typed without it they act on another. */
export function inSameFolder(text: string, { options: { dir } }: Call): string {
  if (typeof dir !== "string") return text
  return text.replaceAll(OURS, (line, words: string, at: number) => {
    if (AN_OWNERS.test(text.slice(0, at))) return line
    const spec = longestNamed(words.split(" "), quickSpec)
    if (spec === undefined || !("dir" in spec.options)) return line
    const name = `agent-vault ${spec.name}`
    return `${name} --dir ${shellWord(dir)}${line.slice(name.length)}`
  })
}

/** Where a sparse checkout leaves the vault out, the line that brings it. */
export async function toCheckOut(
  { options: { dir } }: Call,
  cwd: string,
  env: Environment,
): Promise<string | undefined> {
  const { vaultLeftOut } = await import("../../core/owner.js")
  const left = await vaultLeftOut(resolve(cwd, typeof dir === "string" ? dir : ""), env)
  if (left === undefined) return undefined
  const git = `git -C ${shellWord(left.top)} sparse-checkout`
  return `this sparse checkout leaves it out: ${git} add ${shellWord(left.toAdd)}`
}

function folderOfVault(start: string): string | undefined {
  try {
    return dirname(findVault(start).root)
  } catch (error) {
    if (!VaultError.is(error)) throw error
    return undefined
  }
}
