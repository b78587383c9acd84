import { delimiter, isAbsolute, parse } from "node:path"
import { type Environment, type Place, VaultError } from "../../core/index.js"
import { foldersOutside, isInside, programIn, topAround } from "../../core/owner.js"
import { childEnvironment } from "../run/program-environment.js"
import type { Launch } from "../run/child.js"

/**
 * How a program of a rotation is started: it lies outside of the repository, and runs from the root
 * folder with a PATH that leads into no part of it, so that nothing that came by `git pull` runs by
 * being there. Throws `COMMAND_NOT_FOUND`, `COMMAND_NOT_STARTED`.
 */
export function launchOutside(
  place: Place,
  [command = "", ...args]: readonly string[],
  env: Environment,
): Launch {
  const paths = foldersOutside(place, env["PATH"])
  const program = isAbsolute(command) ? command : onPath(command, paths)
  for (const each of [program, ...args]) refuseInside(place, each, command)
  const given = new Map([["PATH", paths.join(delimiter)]])
  return { command: program, args, env: childEnvironment(env, given, false) }
}

function onPath(command: string, paths: readonly string[]): string {
  const found = programIn(paths, command)
  if (found !== undefined) return found
  throw new VaultError("COMMAND_NOT_FOUND", `there is no program ${command} to rotate with`, {
    hint: "an owner names one by its absolute path, or one on PATH outside of the repository",
  })
}

function refuseInside(place: Place, word: string, command: string): void {
  if (!isAbsolute(word) || !isInside(place, word)) return
  throw new VaultError("COMMAND_NOT_STARTED", `${command} would run what lies in the repository`, {
    hint: `${word} changes with each pull, and nobody agreed to that: install it outside of ${topAround(place)}`,
  })
}

/** The folder that a program runs in: none of the repository's, nor one that anybody writes to. */
export function rootOf(place: Place): string {
  return parse(place.root).root
}
