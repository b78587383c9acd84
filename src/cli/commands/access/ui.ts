import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { asVaultError, auditFiles, auditFolder, claimedId } from "../../../core/index.js"
import type { Page } from "../../../page/page.js"
import { openPage } from "../../../questions/desktop.js"
import { takeGlance } from "../../access/glance.js"
import { glancePage, problemPage } from "../../access/glance-page.js"
import { GLANCE_SCRIPT } from "../../access/glance-script.js"
import { GlanceServer } from "../../access/glance-server.js"
import type { Door } from "../../door/door.js"
import { isSet, placeOf } from "../../door/who.js"
import { childEnvironment } from "../../run/program-environment.js"
import { say } from "../../terminal/terminal.js"

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** Serves the look at the vault to this machine's user, until it is told to end. */
export async function run(door: Door): Promise<void> {
  // What is wrong is told here, and not to a page that nobody has opened.
  await takeGlance(door)
  const server = new GlanceServer({ page: () => pageNow(door), stamp: () => stampOf(door) })
  const url = await server.open()
  const ended = toldToEnd()
  try {
    say(
      door.terminal,
      `agent-vault: who may open what, to be looked at only; good for one browser:\n  ${url}`,
    )
    if (!isSet(door, "no-open")) await openPage(url, childEnvironment(door.env, new Map(), false))
    say(door.terminal, "  Ctrl-C ends it")
    await ended
  } finally {
    server.close()
  }
}

/** A vault that is refused now, or being changed, is no reason to end. */
async function pageNow(door: Door): Promise<Page> {
  const shown = { in: "server", script: GLANCE_SCRIPT } as const
  try {
    return glancePage(await takeGlance(door), shown)
  } catch (error) {
    return problemPage(asVaultError(error), shown)
  }
}

/** Changes when a file of the vault or of its audit does. */
function stampOf(door: Door): string {
  const place = placeOf(door)
  const names = readdirSync(place.root, { recursive: true, encoding: "utf8" })
  const files = [
    ...names.map((name) => join(place.root, name)),
    ...auditFiles(auditFolder(claimedId(place), door.env)),
  ]
  return files.map(fileStamp).join("\n")
}

function fileStamp(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeMs}`
}

function toldToEnd(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ENDING) process.once(signal, () => resolve())
  })
}
