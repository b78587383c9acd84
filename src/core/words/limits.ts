const KIB = 1024
const MIB = 1024 * KIB

const VALUE = 16 * MIB

/**
 * What is larger is refused, and unread where it is a file: nothing that somebody else writes fills
 * the memory, or takes the time. In bytes, unless a row says what it counts.
 */
export const LIMITS = {
  // Files of a vault; which has which limit says `limitOf()` in layout.ts.
  /** A signed record, as JSON: some 10,000 members of a group. */
  record: MIB,
  /** `manifest.yaml`. YAML takes far more time and memory to parse than its size. */
  manifest: 4 * MIB,
  /**
   * Groups that a manifest lists. One pushes as many as one likes, and each new one costs `apply` a
   * key pair. More than any team has: a hundred services in twenty environments are 2,000.
   */
  manifestGroups: 5_000,
  /** Grants that a manifest lists: 200 agents that each open 250 groups. */
  manifestGrants: 50_000,
  /**
   * Places in a YAML text where an entry may begin: line ends, commas, opening brackets. The parser
   * makes an object of each, so that 4 MiB of `[],` would take it ten seconds. A manifest within
   * its limits has five for each grant and three for each group.
   */
  yamlEntries: 500_000,
  /** Characters of a description or a reason, which is one line for people. */
  note: 1000,
  /** Rules of one secret, for the broker. */
  uses: 32,
  /** Hosts, methods, paths and places that one of them names: of each. */
  useList: 64,
  /** Words of a rotation's program. */
  commandWords: 64,
  /** Characters of such a word. */
  commandWord: 1000,
  /** Characters of a path's pattern in it. */
  usePath: 1000,
  /** Rules of a policy, and cases that are kept beside it: of each. */
  policyRules: 200,
  /** Characters of a rule's condition. */
  policyCondition: 2000,
  /** The value of a secret, whatever its bytes are. */
  value: VALUE,
  /** A sealed value: 16 bytes for each 64 KiB chunk, and a header for one recipient. */
  sealed: VALUE + MIB,
  /** A sealed key: stanzas for up to some thousand readers, 2 KB each in a post-quantum vault. */
  sealedKey: 16 * MIB,

  // Files beside it.
  /** A file of values that are imported: all of it is in memory, in several forms. */
  importFile: 16 * MIB,
  /** An identity with its comments, plain or sealed to a passphrase. */
  keyFile: 64 * KIB,
  /**
   * The work factor of a passphrase, a power of two: 4 GiB and a minute are the most that a hostile
   * key file may cost. The age command has the same limit.
   */
  scryptWorkFactor: 22,
  /** `HEAD`, `commondir`, a `.git` that is a file, and the list of the tables that hold refs. */
  gitPointer: 64 * KIB,
  /** A table that holds refs: some 60 bytes for each, and as many for each line of its log. */
  refTable: 64 * MIB,
  /** What a change that was interrupted had to do: some 100 bytes for each file. */
  journal: 64 * MIB,
  /** A file that git was writing when it was killed: a larger one stays as it is. */
  halfFile: 64 * MIB,
  /** What git has written down of a squash: the messages of all its commits. */
  squashMessage: 16 * MIB,
  /** Who holds the lock of a work tree. */
  lock: 4 * KIB,
  /** The pin, and the vault that a place is known for. */
  pin: 4 * KIB,
  /** The signers of a vault.json that was accepted, beside its mark. */
  markNote: MIB,
  /** The digests of records that were verified before. */
  verifiedRecords: 64 * MIB,
  /** Where remote-tracking branches stood when a change was made. */
  tracked: 16 * MIB,
  /** The log of one of them: some 150 bytes for each fetch that moved it. */
  reflog: 64 * MIB,
  /** A file of the audit, to be verified: some million lines. */
  audit: 1024 * MIB,
  /** Digests of a vault's values, which the guard keeps. */
  ownValues: 512 * MIB,

  // What a person writes, or types.
  /** A line at a terminal: a name, a passphrase, an answer. */
  typedLine: 4 * KIB,
  /** A file of `run --env-from`. */
  envFile: MIB,
  /** `.agent-vault-guard.yaml`. */
  guardSettings: MIB,
  /** The configuration of an MCP client, which holds its user's history too. */
  clientConfig: 16 * MIB,

  // Messages.
  /** A line that is sent to the bridge. */
  bridgeRequest: MIB,
  /** The values of one answer of the bridge, in base64: eleven of the largest. */
  bridgeAnswer: 256 * MIB,
  /** A line that is sent to the MCP server. */
  mcpMessage: 10 * MIB,
  /** Answers that an MCP client does not take. */
  mcpUnsent: MIB,
  /** A value that a model is shown. A line of the protocol holds it twice, and escaped. */
  mcpShown: 256 * KIB,

  /** A file that the guard looks at as a whole; a larger one is looked at in pieces. */
  guardWhole: 5 * MIB,
  /** Such a piece. */
  guardPiece: 8 * MIB,
  /** A file that somebody names to the guard. */
  guardFile: 512 * MIB,
} as const

/** A limit as people read it: `16 MiB`. */
export function mebibytes(bytes: number): string {
  return `${bytes / MIB} MiB`
}
