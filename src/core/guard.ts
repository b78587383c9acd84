/**
 * The face for the guard, which runs at every commit: Git without a library, and everything that
 * takes time to load only when a commit asks for it.
 */
export { type ErrorCode, VaultError } from "./words/errors.js"
export { replaceFile } from "./disk/files.js"
export { accessing, asVaultError, isErrno } from "./words/system-error.js"
export {
  type Blob,
  Blobs,
  type TakePiece,
  isIgnored,
  namesOwnHooks,
  ownSettings,
  runAsUser,
  runQuickly,
  userSettings,
} from "./git/git-quick.js"
export { gitProgram } from "./git/git-environment.js"
export { isExplained } from "./git/git-failure.js"
export { refuseLinksOut } from "./git/git-links.js"
export { LIMITS } from "./words/limits.js"
export { isObject } from "./words/object.js"
export { harmless, toJson } from "./words/harmless.js"
export { type Environment, vaultsWithKeys } from "./disk/homes.js"
export { type PathInVault, VAULT_FOLDER, VAULT_RECORD, vaultPath } from "./words/layout.js"
export { type Checkout, findCheckout } from "./disk/place.js"
export { loadOwnValues, loadVaultsBelow } from "./own-values/load-own-values.js"
export type { NotLooked, OwnValues } from "./own-values/own-values.js"
export type { StagedFile, VaultProblem } from "./check/staged-vault.js"

/** What {@link import("./check/staged-vault.js")} exports, loaded when a file of a vault is staged. */
export const loadStagedVault = () => import("./check/staged-vault.js")

/** What {@link import("./records/yaml.js")} exports, loaded when there is a file to parse. */
export const loadYaml = () => import("./records/yaml.js")
