import { platform } from "node:os"
import { delimiter, isAbsolute } from "node:path"
import { type Environment, steadyPath } from "../disk/homes.js"
import { programIn } from "../disk/outside-program.js"

/** Nothing that a repository or its configuration names is run: hooks, monitors, pagers, editors. */
export const HARDENED = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.pager=cat",
  "core.fsync=committed,reference",
  "core.quotePath=false",
  "core.logAllRefUpdates=true",
  "fastimport.unpackLimit=100",
  "gc.auto=0",
  "maintenance.auto=false",
  "i18n.commitEncoding=UTF-8",
  "submodule.recurse=false",
  "log.showSignature=false",
]

/** The variables of Git that are the user's own choice; every other GIT_* is dropped. */
export const KEPT = [
  "GIT_AUTHOR_NAME",
  "GIT_AUTHOR_EMAIL",
  "GIT_AUTHOR_DATE",
  "GIT_COMMITTER_NAME",
  "GIT_COMMITTER_EMAIL",
  "GIT_COMMITTER_DATE",
  "GIT_CONFIG_GLOBAL",
  "GIT_CONFIG_SYSTEM",
  "GIT_CONFIG_NOSYSTEM",
]
// Desktops set SSH_ASKPASS, Termux and make set PREFIX; simple-git refuses both, in whatever case.
const DROPPED = /^(AGENT_VAULT_.*|GIT_.*|SSH_ASKPASS|PREFIX|EDITOR|VISUAL|PAGER|LESS|LANG|LC_.*)$/i

export const OURS = {
  GIT_NO_REPLACE_OBJECTS: "1",
  // No such file can be, so no graft of a clone gives a commit other parents.
  GIT_GRAFT_FILE: "/dev/null/none",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_TERMINAL_PROMPT: "0",
  GIT_LITERAL_PATHSPECS: "1",
  // A partial clone would fetch missing objects through whatever its configuration names.
  GIT_NO_LAZY_FETCH: "1",
  GIT_ALLOW_PROTOCOL: "none",
  LC_ALL: "C",
}

/** No file of Windows can have this name. */
const NOWHERE = "git.exe?"

/**
 * Git as it is started. On Windows a bare name is looked for first where a program starts, and Git
 * starts in the work tree: there it is one of PATH by its path, and where PATH has none, none.
 */
export function gitProgram(env: Environment, system: string = platform()): string {
  if (system !== "win32") return "git"
  const [, path = ""] = Object.entries(env).find(([name]) => /^path$/i.test(name)) ?? []
  return programIn(path.split(delimiter).filter(isAbsolute), "git.exe") ?? NOWHERE
}

/** The environment for a git, without what would lead it elsewhere; `also` is kept besides. */
export function scrubbed(env: Environment, also: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => {
      const isKept = KEPT.includes(name) || also.includes(name) || !DROPPED.test(name)
      if (value === undefined || !isKept) return []
      return [[name, /^path$/i.test(name) ? steadyPath(value) : value]]
    }),
  )
}
