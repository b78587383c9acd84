import { spawnSync } from "node:child_process"
import { hostname } from "node:os"
import { basename } from "node:path"
import { type Environment, steadyPath } from "../disk/homes.js"
import { type Maker, startOf, thisProcess } from "../disk/maker.js"
import { WATCHES } from "../disk/running-gits.js"

/**
 * The gits of a user on this host, in whatever repository, by ps(1): it does not tell where a
 * program stands. Undefined where there is no `ps`, or it does not show this process either.
 */
export function listedGits(user: number, { PATH }: Environment): readonly Maker[] | undefined {
  const env = { PATH: steadyPath(PATH), LC_ALL: "C" }
  const list = (...options: readonly string[]): string =>
    spawnSync("ps", options, { env, encoding: "utf8" }).stdout ?? ""
  const all = list("-A", "-o", "pid=,uid=,state=,comm=")
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*?)\s*$/.exec(line) ?? [])
  if (!all.some(([, id]) => Number(id) === thisProcess().pid)) return undefined
  return all.flatMap(([, id = "", owner, state = "", program = ""]) => {
    const isGit = /^git(?:-|$)/.test(basename(program))
    if (!isGit || Number(owner) !== user || state.startsWith("Z")) return []
    if (list("-o", "args=", "-p", id).includes(WATCHES)) return []
    return [{ pid: Number(id), host: hostname(), started: startOf(id) }]
  })
}
