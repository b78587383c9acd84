/**
 * The reading half of agent-vault, for the doors: what the npm package shows of it, and what only
 * they need. No Git, no YAML and no schema compiler at run time.
 */
export * from "./npm.js"
export { type AuditChain, auditFiles, readChain } from "./audit/audit-chain.js"
export { auditSignerOf, publishedElsewhere, readHeads } from "./audit/audit-head.js"
export { AuditTail } from "./audit/audit-tail.js"
export {
  type UsedSecret,
  authorityOf,
  suggestUses,
  usedSecrets,
  usedVersions,
} from "./audit/used.js"
export { type ComparedHead, compareHeads } from "./audit/verify-audit.js"
export { attributionOf, projectOf } from "./audit/attribution.js"
export { AUDIT_EVENTS, type Attribution } from "./audit/audit-line.js"
export {
  type Audit,
  type AuditEvent,
  auditFileOf,
  auditFolder,
  auditTo,
  noAudit,
} from "./audit/audit.js"
export {
  SECRET_FIELDS,
  type SecretMetadata,
  metadataOf,
  parseMetadata,
} from "./records/secret-metadata.js"
export {
  type BodyPlace,
  type UseAsk,
  type UseEncoding,
  type UseScheme,
  type WrittenUse,
  USE_ASKS,
  USE_ENCODINGS,
  USE_SCHEMES,
  describeUse,
  optionsOfUse,
  parseUse,
} from "./records/use.js"
export { DUE, type Due, endDue, whyDue } from "./vault/due.js"
export { type OwnerListing, describeOwners } from "./vault/owner-listing.js"
export { parseOwnerName } from "./words/names.js"
export { type Sending, canonicalPath, isBound, ruleFor, whyNoRule } from "./policy/sending.js"
export {
  type AskedRequest,
  type Explanation,
  type Going,
  explainRequest,
  parseRequest,
} from "./policy/explain-request.js"
export { ROTATION_STEPS } from "./records/rotation.js"
export type { SourcePlace } from "./sources/fetch-value.js"
export { type LeaseBook, endLeases, newLeaseBook } from "./leases/lease-book.js"
export type { SessionKeys } from "./leases/lease-issuer.js"
export { overwrite, secretsIn } from "./words/overwrite.js"
export { LEASE_KINDS } from "./records/lease.js"
export { describeLease } from "./records/lease-words.js"
export { dial, dialTls } from "./target/dial.js"
export { readRoots, upstreamContext } from "./target/roots.js"
export { type Target, hostPortOf, parseAuthority } from "./target/target.js"
export {
  type Resolve,
  type Vetted,
  type VettingTerms,
  ownAddresses,
  refusalAsWritten,
  resolveAll,
  vet,
} from "./target/vet.js"
export { useCommandFor } from "./library/use-command.js"
export { shellWord } from "./words/shell-word.js"
export { REVEAL_POLICIES } from "./words/reveal-policy.js"
export type { Confirmed } from "./policy/person.js"
export { type RevealTerms, revealPolicy } from "./policy/reveal.js"
export { harmless, toJson } from "./words/harmless.js"
export {
  type Identity,
  type IdentityChoice,
  type OwnerByDefault,
  decidingSource,
} from "./keys/identity.js"
export { agentHarness, harnessSetting } from "./keys/harness.js"
export {
  type AskPassphrase,
  type Key,
  agentKeyFile,
  localAgents,
  ownerKeyFile,
} from "./keys/key-files.js"
export { LIMITS, mebibytes } from "./words/limits.js"
export { isObject } from "./words/object.js"
export { isTooShort } from "./redactor/forms.js"
export { type ScreenPatterns, ScreenRedactor, screenPatterns } from "./redactor/screen-redactor.js"
export { isVague } from "./redactor/vague.js"
export { asVaultError, attempted, inaccessible, isErrno } from "./words/system-error.js"
export { removeOwnAbandoned } from "./disk/abandoned.js"
export { keyHome, stateHome, steadyPath } from "./disk/homes.js"
export { loadOwnValues } from "./own-values/load-own-values.js"
export { Lines } from "./disk/lines.js"
export { fateOfMaker, nameByMaker } from "./disk/maker.js"
export { Moment } from "./disk/moment.js"
export {
  type SecretName,
  meantOr,
  nearest,
  parseAgentName,
  parseGroupName,
  parseSecretName,
  parseVariableName,
} from "./words/names.js"
export { AWS_VARIABLES } from "./services/aws-variables.js"
export { GENERAL_SHAPE, type Shape, bitsOf, parseShape } from "./services/shape.js"
export type { SaidOfService, Service, ServiceUse } from "./services/services.js"
export { findAnchor } from "./memory/trust.js"
export { claimedId, identityAt, withVault } from "./vault/open.js"
export { openVaultAs } from "./library/open-vault.js"
export {
  type BoundSecret,
  type BoundSecrets,
  type BrokerFacts,
  type BrokeredVault,
  type ServedValue,
  type ServedVault,
  askOf,
  openBrokered,
  ruleOf,
} from "./library/brokered-vault.js"
export {
  type Checkout,
  type Place,
  findCheckout,
  findVault,
  findVaultOrNone,
} from "./disk/place.js"
export { mixing } from "./disk/in-progress.js"
export { type SecretRead, readSecret } from "./vault/read.js"
export { policyOf, questionOf } from "./vault/policy-of.js"
export type { PolicyJudge, PolicyVerdict } from "./policy/policy-question.js"
export { requestOf, whichDecided } from "./policy/require-policy.js"
export type { Sources } from "./vault/resolved-reads.js"
export type { Outlet } from "./vault/terms.js"
export type {
  AgentRecord,
  GroupRecord,
  Member,
  OwnerEntry,
  SecretRecord,
  VaultRecord,
} from "./records/record.js"
export { hasPassed, later, parseDuration, parseMoment, parseTime, utc } from "./words/time.js"
export {
  type AgentListing,
  type VaultNames,
  describeAgent,
  describeAgents,
  describeOtherSecrets,
  describeReadable,
  describeReaders,
  describeSecret,
  describeManySecrets,
  describeSecrets,
  isRefusal,
  namesIn,
  someSecretIn,
} from "./vault/listing.js"
export { type Exposed, exposedName } from "./vault/exposed.js"
export type { ReaderRequest } from "./library/reader.js"
export { type SecretListings, readChosen } from "./library/read-chosen.js"
export { type SetBack, findSetBack, rewind } from "./vault/rewind.js"
export { type TrustReport, describeTrust, pinOwner } from "./vault/pin.js"
export { type Anchor, parseSigner } from "./memory/trust.js"
export { variableName } from "./words/variable-name.js"
export type { Vault } from "./vault/vault.js"

/** What {@link import("./services/services.js")} exports, loaded when somebody asks for a service. */
export const loadServices = () => import("./services/services.js")

/** What {@link import("./services/model-hosts.js")} exports, loaded by what stands before models. */
export const loadModelHosts = () => import("./services/model-hosts.js")
