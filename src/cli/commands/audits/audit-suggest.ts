import { AuditTail, optionsOfUse, shellWord, suggestUses } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { auditFilesOf, filterOf } from "../../door/noted.js"
import { asJson, print, tell } from "../../door/render.js"

const NEEDS_MORE: ReadonlySet<string> = new Set(["basic", "hmac-sha256"])
const MORE =
  "The audit does not have --user, --template and --encoding: take these from the present rule."

export async function run(door: Door): Promise<void> {
  const lines = auditFilesOf(door).flatMap((file) => new AuditTail(file).more())
  const uses = suggestUses(lines.filter(filterOf(door)))
  const commands = uses.map(({ secret, use }) =>
    [
      "agent-vault use",
      shellWord(secret),
      ...optionsOfUse(use).map(([option, value]) => `${option} ${shellWord(value)}`),
    ].join(" "),
  )
  if (await asJson(door, { uses, commands })) return
  if (commands.length === 0) {
    tell(door, "No request that carried a secret is noted here.")
    return
  }
  await print(door, commands)
  tell(
    door,
    "An owner looks at these first. They ask nobody: add --ask session, or each, where it was asked.",
    ...(uses.some(({ use }) => NEEDS_MORE.has(use.scheme)) ? [MORE] : []),
  )
}
