import { readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { VaultError } from "../../core/guard.js"
import { type Hooks, isExecutable } from "./hooks.js"
import { addGuard, removeGuard } from "./manager-file.js"
import { installHook } from "./own-hook.js"

// The guard before a push, beside that before a commit.

const NAME = "pre-push"

/** Managers that hand a hook's stdin on in a way of their own: what to add to their file by hand. */
const BY_HAND: Partial<Record<Hooks["manager"], string>> = {
  lefthook:
    "{ name: agent-vault guard, run: agent-vault guard --pre-push {1}, use_stdin: true }, to the jobs of pre-push",
  "pre-commit":
    "a local hook with stages: [pre-push] and entry: sh -c 'agent-vault guard --range \"$PRE_COMMIT_FROM_REF..$PRE_COMMIT_TO_REF\"'",
}

/** Refuses where the guard cannot be written before a push. Throws `USAGE`. */
export function refuseByHand({ manager, file }: Hooks): void {
  const entry = BY_HAND[manager]
  if (entry === undefined) return
  throw new VaultError("USAGE", `${manager} starts what runs before a push: ${file}`, {
    hint: `nothing was changed: add by hand ${entry}; before a commit: agent-vault guard install`,
  })
}

/** Returns the files that it changed. Throws as `installHook` and `addGuard`. */
export async function installPush(
  hooks: Hooks,
  program: readonly string[],
): Promise<readonly string[]> {
  const file = pushFile(hooks)
  const isChanged =
    hooks.manager === "hooks"
      ? installHook({ ...hooks, file }, program)
      : await addGuard({ ...hooks, file })
  return isChanged ? [file] : []
}

/** Takes it out of a file of husky's. Returns the files that it changed. */
export function uninstallPush(hooks: Hooks): readonly string[] {
  const file = pushFile(hooks)
  return hooks.manager === "husky" && removeGuard({ ...hooks, file }) ? [file] : []
}

/** The file that starts the guard before a push, if git runs it; nobody tries that. */
export function pushGuard(hooks: Hooks): string | undefined {
  const run = join(hooks.runs, NAME)
  if (!isExecutable(run) || hooks.activate !== undefined) return undefined
  const files = isExecutable(join(hooks.folder, NAME)) ? [run, pushFile(hooks)] : [run]
  return files.find(
    (file) =>
      statSync(file, { throwIfNoEntry: false })?.isFile() === true &&
      readFileSync(file, "utf8").includes("guard --pre-push"),
  )
}

function pushFile({ manager, folder, file }: Hooks): string {
  return join(manager === "husky" ? dirname(file) : folder, NAME)
}
