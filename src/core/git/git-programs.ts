import type { Git } from "./git.js"
import { settable } from "./git-config.js"

/** The settings in which a repository may name a program, other than those we always set. */
const PROGRAMS =
  /^(core\.(sshcommand|gitproxy|askpass|alternaterefscommand)|credential\.(.*\.)?helper|gpg\.(.*\.)?(program|defaultkeycommand)|filter\..*\.(clean|smudge|process)|merge\..*\.driver)$/is

/** Switches that make Git run, or write, what another setting names. */
const SWITCHES = /^(filter\..*\.required|merge\.verifysignatures|http\.(.*\.)?savecookies)$/is

/**
 * Arguments of git under which only the user's own settings name programs: for what talks to a
 * remote or writes files of the work tree. Throws `REPOSITORY_STATE` for one that none can switch off.
 */
export function withoutPrograms({ configured }: Git): string[] {
  const foreign = configured.filter(({ isOwn }) => !isOwn).map(({ key }) => key)
  const programs = new Set(foreign.filter((key) => PROGRAMS.test(key)))
  const switches = new Set([
    ...foreign.filter((key) => SWITCHES.test(key)),
    ...[...programs].flatMap((key) =>
      key.startsWith("filter.") ? [`${key.slice(0, key.lastIndexOf("."))}.required`] : [],
    ),
  ])
  const own = configured.filter(
    ({ key, isOwn }) => isOwn && (programs.has(key) || switches.has(key)),
  )
  const guarded = [
    ...[...programs].map((key) => `${settable(key)}=${nothingFor(key)}`),
    ...[...switches].map((key) => `${settable(key)}=false`),
    ...own.map(({ key, value }) => `${key}=${value}`),
    // No person can answer a question here, or notice a connection that hangs.
    ...(configured.some(({ key, isOwn }) => isOwn && key === "core.sshcommand")
      ? []
      : ["core.sshCommand=ssh -o BatchMode=yes"]),
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
  ]
  return guarded.flatMap((setting) => ["-c", setting])
}

/**
 * What stands for a program that must not run. A shell would take an empty alternateRefsCommand, and
 * start what is meant for its argument. An empty merge driver would leave ours, and lose theirs.
 */
function nothingFor(key: string): string {
  if (key === "core.alternaterefscommand") return "true"
  return key.startsWith("merge.") ? "false" : ""
}
