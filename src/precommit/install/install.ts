import { readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { VaultError, harmless, asVaultError, toJson } from "../../core/guard.js"
import type { InstallRequest } from "../../serving/guarding.js"
import { type Hooks, findHooks, shownPath } from "./hooks.js"
import { broughtHook, leadsOut, refuseOutside } from "./foreign-hook.js"
import { aheadHooks, installAhead, uninstallAhead } from "./ahead-hooks.js"
import { addGuard, removeGuard } from "./manager-file.js"
import { installHook, leftBefore, ownHooks, uninstallHooks } from "./own-hook.js"
import { type Proof, proveGuard } from "./proof.js"
import { installPush, pushGuard, refuseByHand, uninstallPush } from "./push-hook.js"

/** What lets the dry run start hooks that the repository brought. */
const TRY = "agent-vault guard status --run-hooks"
const DONE = 0
const NOT_SO = 1

/**
 * Installs the guard where the repository's hooks are managed, takes it away, or tells whether it
 * is there. Resolves to 0, or to 1 if commits are not guarded after `install` or at `status`, if they
 * are guarded after `uninstall`, or if the user lets nobody try. Throws `NO_REPOSITORY`, `USAGE`, `FILE_UNSAFE`, `NO_ACCESS`,
 * `EXISTS`.
 */
export async function guardInstallation(request: InstallRequest): Promise<number> {
  try {
    return await changeAndProve(request)
  } catch (error) {
    throw asVaultError(error)
  }
}

async function changeAndProve(request: InstallRequest): Promise<number> {
  const { action, cwd, env } = request
  const found = await findHooks(cwd, env)
  const changed = await change(request, found)
  // What git runs may be another folder now.
  const hooks = await findHooks(cwd, env)
  // What nothing names any more cannot run: other hooks need not.
  const needsProof = action !== "uninstall" || namedIn(hooks) !== undefined
  const proof = needsProof ? await prove(request, hooks) : undefined
  await tell(request, hooks, changed, proof)
  if (proof?.untried !== undefined) return NOT_SO
  const isGuarded = proof?.stopped ?? false
  return isGuarded === (action !== "uninstall") ? DONE : NOT_SO
}

/** The dry run, unless it would start what the repository brought, and the user does not want that. */
async function prove({ program, mayRun }: InstallRequest, hooks: Hooks): Promise<Proof> {
  const brought = await broughtHook(hooks, program)
  if (brought === undefined) return proveGuard(hooks)
  const untried = shownPath(hooks, brought)
  if (await mayRun(untried)) return proveGuard(hooks)
  return {
    stopped: false,
    untried,
    what: `Not tried: that would run ${untried}, which came with this repository.`,
  }
}

/** Returns the files that it changed. */
async function change(
  { action, program, prePush }: InstallRequest,
  hooks: Hooks,
): Promise<readonly string[]> {
  if (action === "uninstall") return uninstall(hooks)
  if (action === "status") return []
  if (prePush) refuseByHand(hooks)
  return install(hooks, program, prePush)
}

async function install(
  hooks: Hooks,
  program: readonly string[],
  prePush: boolean,
): Promise<readonly string[]> {
  const { manager, scope, folder, file, ahead, activate = "" } = hooks
  if (scope !== undefined) {
    throw new VaultError("USAGE", `core.hooksPath of your ${scope} settings is ${folder}`, {
      hint: `it serves every repository of yours: ${activate}`,
    })
  }
  refuseOutside(hooks)
  if (ahead !== undefined && manager === "hooks") return installAhead(hooks, program, prePush)
  const isChanged = manager === "hooks" ? installHook(hooks, program) : await addGuard(hooks)
  return [
    ...(isChanged ? [file] : []),
    ...(prePush ? await installPush(hooks, program) : []),
    ...(ahead === undefined ? [] : await installAhead(hooks, program, prePush)),
  ]
}

/** A manager or a setting may have come after the guard, so it may be in more than one place. */
async function uninstall(hooks: Hooks): Promise<readonly string[]> {
  // All are looked at before the first is changed: if one is refused, all stay.
  const ours = folders(hooks).map((folder) => [folder, ownHooks(folder)] as const)
  aheadHooks(hooks)
  const isOutside = leadsOut(hooks, dirname(hooks.file)) !== undefined
  const changed = isOutside
    ? []
    : [...(removeGuard(hooks) ? [hooks.file] : []), ...uninstallPush(hooks)]
  const ahead = await uninstallAhead(hooks)
  const removed = ours.flatMap(([folder, files]) => uninstallHooks(folder, files))
  return [...changed, ...ahead, ...removed]
}

/** The folders of hooks that are this repository's. */
function folders(hooks: Hooks): readonly string[] {
  const { folder, usual, scope } = hooks
  const led = scope === undefined ? [folder, usual] : [usual]
  return [...new Set(led)].filter((each) => leadsOut(hooks, each) === undefined)
}

/** The file that a commit may start the guard from. */
function namedIn({ runs, file }: Hooks): string | undefined {
  return [file, join(runs, "pre-commit")].find(
    (path) =>
      statSync(path, { throwIfNoEntry: false })?.isFile() === true &&
      readFileSync(path).includes("agent-vault"),
  )
}

async function tell(
  { action, json, write, say }: InstallRequest,
  hooks: Hooks,
  changed: readonly string[],
  proof: Proof | undefined,
): Promise<void> {
  if (json) {
    const { manager, file } = hooks
    const place = { manager, file: shownPath(hooks, file), changed: changed.length > 0 }
    const push = pushGuard(hooks)
    const pushFile = push === undefined ? null : shownPath(hooks, push)
    await write(`${toJson({ ...place, prePush: pushFile, ...proven(proof) }, 2)}\n`)
    return
  }
  const lines = [
    ...(action === "status" ? [] : doneLines(action, hooks, changed)),
    ...(proof === undefined ? [] : [proof.what]),
    ...(action === "uninstall" ? [] : [pushLine(hooks)]),
    ...nextLines(action, hooks, changed, proof).map((line) => `  ${line}`),
  ]
  for (const line of lines) say(harmless(line))
}

function pushLine(hooks: Hooks): string {
  const file = pushGuard(hooks)
  return file === undefined
    ? "What git rebase and git cherry-pick bring, a push would show: agent-vault guard install --push"
    : `Before a push it looks at what that adds: ${shownPath(hooks, file)} (not tried).`
}

/** `guarded` is null where nobody tried. */
function proven(proof: Proof | undefined): object {
  if (proof === undefined) return {}
  const { stopped, untried, what, mend } = proof
  const guarded = untried === undefined ? stopped : null
  return { guarded, proof: what, ...(mend && { mend }) }
}

const CHANGED = { install: "The guard is in", uninstall: "The guard is gone from" }
const UNCHANGED = { install: "The guard was already in", uninstall: "No guard was installed in" }

function doneLines(
  action: "install" | "uninstall",
  hooks: Hooks,
  changed: readonly string[],
): readonly string[] {
  const { manager, file } = hooks
  const [verb, files] =
    changed.length > 0 ? [CHANGED[action], changed] : [UNCHANGED[action], [file]]
  return files.map((path) => {
    const by = path === file ? manager : "hooks"
    return `${verb} ${shownPath(hooks, path)} (${by})`
  })
}

function nextLines(
  action: InstallRequest["action"],
  hooks: Hooks,
  changed: readonly string[],
  proof: Proof | undefined,
): readonly string[] {
  const shown = (path: string): string => shownPath(hooks, path)
  const shared = changed.filter((file) => hooks.isShared && dirname(file) === dirname(hooks.file))
  const commit = shared.map((file) => `commit ${shown(file)}, so that it is so for everybody`)
  if (action !== "uninstall") {
    const next = proof?.stopped === false ? [`next: ${nextStep(action, hooks, proof)}`] : []
    return [...next, ...commit]
  }
  const named = proof?.stopped === true || proof?.untried !== undefined ? namedIn(hooks) : undefined
  const left = folders(hooks).flatMap((folder) => leftBefore(folder))
  return [
    ...(named === undefined
      ? []
      : [
          `next: look into ${shown(named)}, which ${proof?.stopped === true ? "starts it" : "names agent-vault"}`,
        ]),
    ...left.map(
      (path) => `next: look into ${shown(path)}, the hook from before the guard, which is left`,
    ),
    ...commit,
  ]
}

function nextStep(
  action: "install" | "status",
  { activate, scope }: Hooks,
  { blocked = false, untried, mend }: Proof,
): string {
  if (mend !== undefined) return mend
  if (untried !== undefined) return `${TRY}, which runs ${untried} as a commit would`
  // A folder of all repositories is active in any case.
  if (activate !== undefined && !(blocked && scope !== undefined)) {
    return `${activate}; then: agent-vault guard status`
  }
  if (action === "install" || blocked) return "make a commit and see what git says"
  return "agent-vault guard install"
}
