import { existsSync } from "node:fs"
import { VaultError } from "../../../core/index.js"
import { readRegularFile, replaceFile } from "../../../core/owner.js"
import { takeGlance } from "../../access/glance.js"
import { glanceLines } from "../../access/glance-lines.js"
import type { Door } from "../../door/door.js"
import { asJson, print, tell } from "../../door/render.js"
import { isSet, option, userPath } from "../../door/who.js"

/** What a page of ours says of itself. */
const OURS = "Made by <code>agent-vault access</code>"

/** Bytes of one. */
const LARGEST_PAGE = 64 * 2 ** 20

/** Shows who may open and use what, until when. */
export async function run(door: Door): Promise<void> {
  const named = option(door, "html")
  refuseSeveralForms(door, named)
  const file = named === undefined ? undefined : userPath(door, named)
  if (file !== undefined) refuseOtherFile(file)
  const glance = await takeGlance(door)
  if (file !== undefined) {
    const { glancePage } = await import("../../access/glance-page.js")
    replaceFile(file, glancePage(glance, { in: "file" }).document)
    tell(door, `Wrote ${file}: one page, to be opened in a browser. It holds names, and no value.`)
    return
  }
  if (isSet(door, "mermaid")) {
    const { glanceMermaid } = await import("../../access/glance-mermaid.js")
    return print(door, glanceMermaid(glance.overview))
  }
  const { overview, branch, requests, reads } = glance
  const document = { ...overview, ...(branch === undefined ? {} : { branch }), requests, reads }
  if (await asJson(door, document)) return
  await print(door, glanceLines(glance))
  if (overview.agents.length > 0) return
  tell(door, "There are no agents yet. Next: agent-vault agent add NAME")
}

function refuseSeveralForms(door: Door, file: string | undefined): void {
  const forms = [isSet(door, "json"), isSet(door, "mermaid"), file !== undefined]
  if (forms.filter(Boolean).length < 2) return
  throw usage("--json, --mermaid and --html each say in which form", "give one of them")
}

/** A typing error must not cost a file: only an earlier page of ours is replaced. */
function refuseOtherFile(file: string): void {
  if (!existsSync(file)) return
  const bytes = readRegularFile(file, LARGEST_PAGE)
  if (Buffer.from(bytes ?? []).includes(OURS)) return
  throw usage(
    `${file} is there, and is not a page of agent-vault access`,
    "give the name of a new file",
  )
}

function usage(message: string, hint: string): VaultError {
  return new VaultError("USAGE", message, { hint })
}
