import {
  SECRET_FIELDS,
  type SecretMetadata,
  VaultError,
  describeUse,
  parseMetadata,
  parseUse,
} from "../../../core/index.js"
import { type MetadataChange, changeMetadata } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { meantSecret } from "../../door/meant-secret.js"
import { asJson, outcomePart, report } from "../../door/render.js"
import { maySign, rulesOfService } from "../../door/service-rule.js"
import { refuseNamedVariable } from "../../exchange/named-variable.js"
import { leaseLine, leaseSaid } from "../../sources/lease-said.js"
import { changeRequest, option, options, placeOf } from "../../door/who.js"

const FIELDS = Object.keys(SECRET_FIELDS) as (keyof SecretMetadata)[]

export async function run(door: Door): Promise<void> {
  const [word = ""] = door.call.words
  const name = meantSecret(placeOf(door), word).full
  const metadata = parseMetadata((field) => option(door, field), door.now)
  refuseNamedVariable(metadata.env)
  const cleared = clearedFields(door, metadata)
  const service = option(door, "use")
  const lease = leaseSaid(door)
  const isOfRecord = service !== undefined || lease !== undefined
  if (Object.keys(metadata).length + cleared.length === 0 && !isOfRecord) {
    throw new VaultError("USAGE", "nothing says what is to change", {
      hint: `give one of ${FIELDS.map((field) => `--${field}`).join(", ")}, --clear, --use, --lease; what is known now: agent-vault list`,
    })
  }
  const use = (await rulesOfService(door, service)).map(parseUse)
  const request = { ...(await changeRequest(door)), name, metadata, cleared, use, lease }
  const look = () => changeMetadata({ ...request, dryRun: true })
  if (!(await maySign(door, request, look))) return
  const outcome = await withPerson(door, (person) => changeMetadata({ ...request, person }))
  const { result } = outcome
  if (await asJson(door, { ...result, ...outcomePart(outcome) })) return
  // Unless nothing was signed, a rule was shown before.
  const added = request.dryRun ? result.added : []
  await report(door, outcome, ...changeLines({ ...result, added }))
}

/** Fields to be emptied. Each is one of the table: the parser has compared them. */
function clearedFields(door: Door, metadata: SecretMetadata): readonly (keyof SecretMetadata)[] {
  const cleared = options(door, "clear") as readonly (keyof SecretMetadata)[]
  const twice = cleared.find((field) => metadata[field] !== undefined)
  if (twice === undefined) return cleared
  throw new VaultError("USAGE", `--${twice} and --clear ${twice} contradict each other`, {
    hint: "give one",
  })
}

function changeLines({ name, version, before, after, added, leased }: MetadataChange): string[] {
  const changed = FIELDS.filter((field) => before[field] !== after[field])
  return [
    `${name}, version ${version}`,
    ...changed.map((field) =>
      after[field] === undefined
        ? `  - ${field}: ${before[field] ?? ""}`
        : `  ${before[field] === undefined ? "+" : "~"} ${field}: ${after[field]}`,
    ),
    ...added.map((rule) => `  + the broker may send it: ${describeUse(rule)}`),
    ...(leased === undefined ? [] : [`  ~ ${leaseLine(leased)}`]),
  ]
}
