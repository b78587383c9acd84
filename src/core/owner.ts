/** The writing half of agent-vault: what only an owner does, as one commit each. */
export {
  type AgentRequest,
  type Enrolled,
  type Rekeyed,
  addAgent,
  rekeyAgent,
  removeAgent,
} from "./agents.js"
export { type Applied, apply } from "./apply.js"
export type { ChangeRequest, Outcome } from "./change.js"
export { type CheckReport, type Finding } from "./check.js"
export { recoverAgent } from "./escrow.js"
export { type GrantRequest, type RevokeRequest, grant, revoke } from "./grant.js"
export { type InitRequest, type NewVault, init } from "./init.js"
export { checkKeyFilePlace, formatKeyFile, setKeyFileAside, writeKeyFile } from "./key-files.js"
export {
  type ChangeOptions,
  type Changed,
  type NewAgent,
  type OpenOwnerOptions,
  OwnerVault,
  openOwnerVault,
} from "./owner-vault.js"
export type { GroupPlan, Plan } from "./plan.js"
export type { ExposedSecret } from "./rekey.js"
export { repair } from "./repair.js"
export type { Progress } from "./session.js"
export { type SetRequest, type SetResult, setSecret } from "./set.js"
export { type InspectRequest, type Inspection, inspect } from "./inspect.js"
export { type Standing, describeStanding } from "./status.js"
