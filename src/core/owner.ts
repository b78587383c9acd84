/**
 * The writing half of agent-vault: what only an owner does, as one commit each. The npm package's
 * `agent-vault/owner`; what is marked internal is for the doors of this project, has no types in
 * the package, and may change at any time.
 */
export type { Enrolled, Rekeyed } from "./agents.js"
export type { Applied } from "./apply.js"
export type { CheckReport, Finding } from "./check.js"
export type { Inspection } from "./inspect.js"
export type { AskPassphrase } from "./key-files.js"
export {
  type ChangeOptions,
  type Changed,
  type NewAgent,
  type OpenOwnerOptions,
  OwnerVault,
  openOwnerVault,
} from "./owner-vault.js"
export type { GroupPlan, Plan } from "./plan.js"
export type { SecretMetadata } from "./record.js"
export type { ExposedSecret } from "./rekey.js"
export type { Progress } from "./session.js"
export type { SetResult } from "./set.js"

/** @internal */
export { type AgentRequest, addAgent, rekeyAgent, removeAgent } from "./agents.js"
/** @internal */
export { apply } from "./apply.js"
/** @internal */
export type { ChangeRequest, Outcome } from "./change.js"
/** @internal */
export { recoverAgent } from "./escrow.js"
/** @internal */
export { readRegularFile, replaceFile } from "./files.js"
/** @internal */
export { type GrantRequest, type RevokeRequest, grant, revoke } from "./grant.js"
/** @internal */
export { type InitRequest, type NewVault, init } from "./init.js"
/** @internal */
export { type InspectRequest, inspect } from "./inspect.js"
/** @internal */
export { checkKeyFilePlace, formatKeyFile, setKeyFileAside, writeKeyFile } from "./key-files.js"
/** @internal */
export { repair } from "./repair.js"
/** @internal */
export { type SetRequest, setSecret } from "./set.js"
/** @internal */
export { type Standing, describeStanding } from "./status.js"
/** @internal */
export { isTracked } from "./tracked.js"
