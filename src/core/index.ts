/** The reading half of agent-vault: no Git, no YAML and no schema compiler at run time. */
export { AgentVault, type WatchOptions } from "./agent-vault.js"
export { type AuditLine, auditFile, auditTo } from "./audit.js"
export { type ErrorCode, type ErrorDetails, VaultError } from "./errors.js"
export type { Environment } from "./homes.js"
export {
  type Identity,
  type IdentityChoice,
  type OwnerByDefault,
  agentHarness,
  decidingSource,
} from "./identity.js"
export {
  type AskPassphrase,
  type Key,
  agentKeyFile,
  localAgents,
  ownerKeyFile,
} from "./key-files.js"
export { VALUE_LIMIT } from "./layout.js"
export {
  type SecretName,
  nearest,
  parseAgentName,
  parseGroupName,
  parseSecretName,
  parseVariableName,
} from "./names.js"
export { claimedId, identityAt, withVault } from "./open.js"
export { type OpenOptions, openVault, openVaultAs } from "./open-vault.js"
export { type Checkout, type Place, findCheckout, findVault } from "./place.js"
export {
  type Actor,
  type Door,
  type ReadEvent,
  type ReadOptions,
  type SecretRead,
  readSecret,
} from "./read.js"
export type {
  AgentRecord,
  Exposure,
  GroupRecord,
  Loss,
  Member,
  OwnerEntry,
  Reveal,
  SecretMetadata,
  SecretRecord,
  VaultRecord,
} from "./record.js"
export { later, parseDuration, parseTime, utc } from "./time.js"
export {
  type AccessReport,
  type AgentListing,
  type ReadableListing,
  type SecretListing,
  type VaultNames,
  describeAgent,
  describeAgents,
  describeSecrets,
  namesIn,
} from "./listing.js"
export type { Pulled } from "./pull.js"
export type { ReaderRequest } from "./reader.js"
export { SecretValue } from "./secret-value.js"
export { type Patterns, type Redacted, compilePatterns } from "./redactor/patterns.js"
export { Redactor, redactText } from "./redactor/redactor.js"
export { type SetBack, findSetBack, rewind } from "./rewind.js"
export { type TrustReport, describeTrust, pinOwner } from "./pin.js"
export { type Anchor, parseSigner } from "./trust.js"
export type { Vault } from "./vault.js"
export type { Change } from "./watch.js"
