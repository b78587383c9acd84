import { lstatSync, readFileSync, unlinkSync } from "node:fs"
import { VaultError, loadYaml, replaceFile } from "../../core/guard.js"
import { hasGuard, hookNameOf, intoScript, withoutGuard } from "./hook-text.js"
import type { Hooks } from "./hooks.js"
import { RUN, intoFramework, intoLefthook, namesHook, notUnderstood } from "./manager-text.js"

// The guard in a file of husky's, lefthook's or the pre-commit framework's.

/** Returns whether anything changed. Throws `USAGE`, `FILE_UNSAFE`. */
export async function addGuard({ file, manager }: Hooks): Promise<boolean> {
  const text = readPlain(file)
  if (text !== undefined && (hasGuard(text) || namesHook(text))) return false
  if (manager === "husky") {
    writePlain(file, intoScript(text, hookNameOf(file)))
    return true
  }
  if (manager === "lefthook" && !/\.ya?ml$/.test(file)) {
    throw new VaultError("USAGE", `${file} is not YAML, so this command does not change it`, {
      hint: `add a job to pre-commit by hand: name \`agent-vault guard\`, run \`${RUN}\``,
    })
  }
  const kind = manager === "lefthook" ? "lefthook" : "pre-commit"
  writePlain(file, await intoYaml(file, text ?? "", kind))
  return true
}

/** Returns whether anything changed. Throws `FILE_UNSAFE`. */
export function removeGuard({ file, manager }: Hooks): boolean {
  const text = manager === "hooks" ? undefined : readPlain(file)
  if (text === undefined || !hasGuard(text)) return false
  const rest = withoutGuard(text)
  if (rest === undefined) unlinkSync(file)
  else writePlain(file, rest)
  return true
}

/** Line by line, so that nothing else changes; a parser has the last word, before and after. */
async function intoYaml(
  file: string,
  text: string,
  manager: "lefthook" | "pre-commit",
): Promise<string> {
  const { refuseBrokenYaml } = await loadYaml()
  refuseBrokenYaml(text, (why, cause) => {
    const hint = "nothing was changed: correct it, then repeat the command"
    return new VaultError("USAGE", `${file} is not valid YAML: ${why}`, { hint, cause })
  })
  const edited = manager === "lefthook" ? intoLefthook(text) : intoFramework(text)
  if (edited === undefined) throw notUnderstood(file, manager)
  refuseBrokenYaml(edited, (_why, cause) => notUnderstood(file, manager, cause))
  return edited
}

function readPlain(file: string): string | undefined {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  if (stat.isFile()) return readFileSync(file, "utf8")
  throw new VaultError("FILE_UNSAFE", `${file} is refused: it is not a regular file`, {
    hint: "a link is not followed: install the guard where it leads to",
  })
}

function writePlain(file: string, text: string): void {
  const mode = lstatSync(file, { throwIfNoEntry: false })?.mode ?? 0o644
  replaceFile(file, text, mode & 0o777)
}
