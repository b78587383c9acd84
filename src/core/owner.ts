/**
 * The writing half of agent-vault, for the doors: what the npm package shows of it, and what only
 * they need.
 */
export * from "./npm-owner.js"
export { type AgentRequest, addAgent, rekeyAgent, removeAgent } from "./change/agents.js"
export { isEmptyPlan } from "./vault/plan.js"
export { interruptedChange } from "./commit/interrupted.js"
export { apply } from "./govern/apply.js"
export { type PolicyText, removePolicy, setPolicy } from "./govern/change-policy.js"
export { type PolicyTrial, tryPolicy } from "./policy/policy-cases.js"
export type { PolicyRule } from "./policy/policy-rules.js"
export {
  FIRST_POLICY,
  POLICY_DOORS,
  type PolicyPlan,
  parsePolicyWish,
} from "./policy/policy-wish.js"
export { signedRules } from "./vault/signed-rules.js"
export { POLICY_WISH, secretPath } from "./words/layout.js"
export { type PublishRequest, type Published, publishAudit } from "./change/publish-audit.js"
export type { ChangeRequest, Outcome } from "./change/change.js"
export {
  type OwnerJoining,
  acceptJoinLine,
  acceptOwnerLine,
  joinFingerprint,
  ownerFingerprint,
} from "./records/join-line.js"
export { type TrustMoved, trustOwner } from "./vault/trust-owner.js"
export { type OwnerRemoved, removeOwner } from "./owners/remove-owner.js"
export { type OwnerAdded, type AddOwnerRequest, addOwner } from "./owners/add-owner.js"
export { type OwnerJoinRequest, join, joinAsOwner } from "./vault/join.js"
export { vaultInGit } from "./past/past-records.js"
export { parseEarlier, readEarlier } from "./past/earlier-value.js"
export { type SecretEvent, secretHistory } from "./past/secret-history.js"
export { type Blast, type OpenedValue, blast } from "./past/blast.js"
export { type PastGaps, type ReadableValue, whoCouldRead } from "./past/who-could-read.js"
export { recoverAgent } from "./vault/escrow.js"
export {
  type KeptKey,
  type RemoveKeyRequest,
  addKey,
  describeKeys,
  holderName,
  removeKey,
} from "./vault/own-keys.js"
export { isUnderPassphrase, openKeyFile, writeUnderPassphrase } from "./keys/key-passphrase.js"
export { inTurnOfOwnerKey } from "./keys/key-turn.js"
export { moveFromKeychain, moveToKeychain, requireKeychain } from "./keys/keychain-key.js"
export { bringBack, refuseOwnerKeyHere } from "./recovery/bring-back.js"
export { combineShares, refuseMisfit } from "./recovery/combine-shares.js"
export { type Share, formatShare, looksLikeShare, parseShare, sharesIn } from "./recovery/share.js"
export { keyOfPaper, wordsOf } from "./recovery/key-words.js"
export { readShares, sheetOf, writeShares } from "./recovery/share-files.js"
export { checkSplit, splitKey } from "./recovery/split-key.js"
export { claimedOwners } from "./recovery/claimed-owners.js"
export {
  type DescribedOwnerKey,
  describeOwnerKey,
  requireOwnerKey,
} from "./recovery/described-owner-key.js"
export { type OwnerKeyProof, proveOwnerKey, trustOf } from "./recovery/owner-key-proof.js"
export { closeToOthers, readRegularFile, replaceFile } from "./disk/files.js"
export { type GrantRequest, type RevokeRequest, endGrants, grant, revoke } from "./change/grant.js"
export { vaultLeftOut } from "./git/left-out.js"
export { gitUserName } from "./git/git-user.js"
export { ownerNameFrom } from "./words/names.js"
export { type InitRequest, type NewVault, init } from "./change/init.js"
export { type InspectRequest, inspect } from "./check/inspect.js"
export {
  formatKeyFile,
  keyFileBytes,
  keyIn,
  keychainAccount,
  wholeKeyFile,
} from "./keys/key-files.js"
export {
  askNobody,
  checkKeyFilePlace,
  holdsKeyOf,
  setKeyFileAside,
  setOtherKeyAside,
  writeKeyFile,
} from "./keys/kept-key-files.js"
export { refuseOtherVault } from "./keys/identity.js"
export { inHome } from "./disk/homes.js"
export { type MaybeUnfinished, withUnfinished } from "./words/unfinished.js"
export { requirePersonFor } from "./policy/person.js"
export { repair } from "./commit/repair.js"
export { type UseEdit, type UseRequest, changeUse } from "./change/change-use.js"
export { type RotationEdit, changeRotation, rotationOf } from "./rotation/change-rotation.js"
export { type KeptRotation, RotationState, fingerprintOf } from "./rotation/kept-rotation.js"
export {
  type AskService,
  SELF_ROTATIONS,
  type SelfRotation,
  selfRotationNamed,
} from "./rotation/self-rotation.js"
export { askIssuer } from "./leases/ask-issuer.js"
export { type Keeper, keepersHere } from "./leases/keepers.js"
export { IssuerFailure } from "./leases/lease-issuer.js"
export { type Rotated, setRotated } from "./rotation/set-rotated.js"
export { foldersOutside, isInside, programIn, topAround } from "./disk/outside-program.js"
export { EndedWithUs } from "./disk/ended-with-us.js"
export { printedBy } from "./disk/printed-by.js"
export { processTree, signalTree } from "./disk/process-tree.js"
export { LONGEST_KEEP, type Source } from "./records/source.js"
export {
  agreeToReference,
  isReferenceAgreed,
  referenceFingerprint,
} from "./sources/agreed-references.js"
export { type Agreement, agreements, takeBack } from "./memory/agreements.js"
export type { LeaseEdit } from "./change/change-lease.js"
export { parseLease } from "./records/lease-words.js"
export { isReference, parseReference, parseSource } from "./sources/reference.js"
export { type RotationStep, rotationLines } from "./records/rotation.js"
export { changeMetadata } from "./change/change-metadata.js"
export { type AddCanariesRequest, addCanaries } from "./canaries/add-canaries.js"
export { Canaries, type CanaryState } from "./canaries/canaries.js"
export { type Canary, isNote } from "./records/canary.js"
export type { CanarySearch, CanarySighting } from "./canaries/canary-search.js"
export { removeCanaries } from "./canaries/remove-canaries.js"
export { addGroup, removeGroup, renewGroupKey } from "./change/groups.js"
export { moveSecret } from "./change/move-secret.js"
export { removeSecrets } from "./change/remove-secrets.js"
export { type SetManyRequest, type SetRequest, setSecret, setSecrets } from "./change/set.js"
export {
  type EwimsattSecret,
  ewimsattOwnerKeyFile,
  readEwimsattVault,
} from "./imports/ewimsatt-vault.js"
export { type NestedValue, nestedValues } from "./records/nested-values.js"
export {
  type AccessOverview,
  type OverviewGrant,
  describeOverview,
} from "./check/access-overview.js"
export { type Standing, describeStanding } from "./check/status.js"
export { cloneFacts, gitVersion, unwritableState } from "./check/clone-facts.js"
export { type HomeRights, closeFolder, homeRights } from "./check/home-rights.js"
export { type SetUp, driverOf, removeDriver, setUpDriver } from "./merge/driver-setup.js"
export type { DroppedGrant } from "./merge/dropped-grants.js"
export { type MergeRequest, type Resolved, resolve } from "./merge/resolve.js"
export type { Side } from "./merge/units.js"
export type { ChosenKey, VaultConflict } from "./merge/merge-vault.js"
export { type Synced, sync } from "./sync/sync.js"
export { type AccessAsked, type AccessRequest, requestAccess } from "./wishes/access-wish.js"
export { type WaitingWish, waitingWishes } from "./wishes/waiting-wishes.js"
export { type MissingSecret, type SecretAsked, requestSecret } from "./wishes/secret-wish.js"
export { mergeFile } from "./merge/merge-driver.js"
export { requirePerson } from "./policy/person.js"
export { isTracked } from "./git/tracked.js"
