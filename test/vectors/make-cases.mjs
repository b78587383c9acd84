// The named cases of cases.json: which vault, which edits, whose key reads what and when, and the
// error code or value that must come of it. Part of make.mjs; README.md explains the members.
import { createHash } from "node:crypto"

const NOW = "2026-06-01T00:00:00Z"
const KEY = "secrets/stripe/api-key.json"
const VALUE = "secrets/stripe/api-key.age"
const GROUP = "groups/stripe.json"
const GROUP_KEY = "groups/stripe.age"

/** @param {Readonly<Record<string, object>>} makers by the names of their vaults; some, or all */
export function casesOf(named) {
  const { classic, "post-quantum": postQuantum, revoked, owners, uses, rotations } = named
  const { removals, policies, sources, tags, leases } = named
  const laterLeases = named["later-leases"]
  const laterRemovals = named["later-removals"]
  const makers = [
    classic,
    postQuantum,
    revoked,
    owners,
    uses,
    rotations,
    removals,
    laterRemovals,
    policies,
    sources,
    tags,
    leases,
    laterLeases,
  ].filter((maker) => maker !== undefined)
  const all = classic && postQuantum && revoked && owners
  return {
    about: "See README.md. `checker` is what verify.py says of the edited vault.",
    cases: [
      ...goodCases(makers),
      ...(all === undefined
        ? []
        : [
            ...accessCases(classic, revoked),
            ...recordCases(classic),
            ...encodingCases(classic),
            ...ciphertextCases(classic),
            ...ownerCases(classic),
            ...endedOwnerCases(owners),
            ...staleCases(classic, revoked, owners),
            ...otherVaultCases(classic, postQuantum, revoked),
          ]),
      ...(uses === undefined ? [] : useCases(uses)),
      ...(rotations === undefined ? [] : rotationCases(rotations)),
      ...(removals === undefined ? [] : removalCases(removals)),
      ...(laterRemovals === undefined ? [] : laterRemovalCases(laterRemovals)),
      ...(policies === undefined ? [] : policyCases(policies)),
      ...(sources === undefined ? [] : sourceCases(sources)),
      ...(tags === undefined ? [] : tagCases(tags)),
      ...(leases === undefined ? [] : leaseCases(leases)),
      ...(laterLeases === undefined ? [] : laterLeaseCases(laterLeases)),
    ].map(fill),
  }
}

function fill({ vault, name, edits = [], read = "stripe/api-key", as = "ci", now = NOW, ...rest }) {
  return { name, vault: vault.name, ...rest.seen, edits, as, read, now, ...without(rest, "seen") }
}

function without(object, name) {
  const { [name]: _dropped, ...rest } = object
  return rest
}

function value(bytes) {
  const sha256 = createHash("sha256").update(bytes).digest("hex")
  return bytes.length <= 64 ? { hex: Buffer.from(bytes).toString("hex") } : { sha256 }
}

function refused(name, vault, error, edits, more = {}) {
  return { name, vault, edits, error, checker: "refused", ...more }
}

function goodCases(makers) {
  return makers.flatMap((vault) =>
    Object.entries(vault.expected).map(([read, bytes]) => ({
      name: `an owner reads ${read} of ${vault.name}`,
      vault,
      read,
      as: vault.name === "owners" ? "dave" : "alice",
      value: value(bytes),
      checker: "ok",
    })),
  )
}

function accessCases(classic, revoked) {
  const ok = { checker: "ok" }
  const denied = (name, vault, more) => ({ name, vault, error: "NOT_GRANTED", ...ok, ...more })
  const reads = (name, vault, more) => ({ name, vault, ...ok, ...more })
  const end = { vault: classic, as: "deploy", ...ok }
  const wish = {
    do: "replace",
    path: "manifest.yaml",
    old: "grants:",
    new: "grants:\n  - { agent: ci, group: web }",
  }
  const { expected } = classic
  return [
    reads("an agent reads what it was granted", classic, {
      value: value(expected["stripe/api-key"]),
    }),
    reads("an agent reads every byte there is", classic, {
      read: "stripe/all-bytes",
      value: value(expected["stripe/all-bytes"]),
    }),
    reads("an enrolled key reads a name of five parts", classic, {
      as: "deploy",
      read: "web/eu/prod/tls/key.pem",
      value: value(expected["web/eu/prod/tls/key.pem"]),
    }),
    {
      ...end,
      name: "a second before a grant ends",
      now: "2026-11-30T23:59:59Z",
      value: value(expected["stripe/api-key"]),
    },
    { ...end, name: "a grant past its end", now: "2026-12-01T00:00:00Z", error: "GRANT_ENDED" },
    denied("an agent reads another group", classic, { read: "web/eu/prod/tls/key.pem" }),
    denied("the wrong key", classic, { as: "stranger" }),
    denied("a line in the manifest gives nothing", classic, {
      read: "web/eu/prod/tls/key.pem",
      edits: [wish],
    }),
    reads("and takes nothing", classic, {
      edits: [{ do: "remove", path: "manifest.yaml" }],
      value: value(expected["stripe/api-key"]),
    }),
    denied("a revoked agent", revoked, { as: "old" }),
    denied("a removed agent", revoked, { as: "gone" }),
    denied("an agent whose grant was rekeyed away", revoked, { as: "temp" }),
    denied("an agent's key from before its rekey", revoked, { as: "moved-before" }),
    reads("the agent's new key", revoked, {
      as: "moved",
      value: value(revoked.expected["stripe/api-key"]),
    }),
    reads("a secret that is not there", classic, {
      read: "stripe/nothing",
      error: "SECRET_NOT_FOUND",
    }),
    reads("nobody says whom to trust", classic, { trust: null, error: "UNTRUSTED" }),
    reads("somebody else is trusted", classic, {
      trust: "mallory",
      error: "UNTRUSTED",
      checker: "refused",
    }),
  ]
}

function recordCases(classic) {
  const edit = (path, old, replacement) => ({ do: "replace", path, old, new: replacement })
  const secret = classic.record(KEY)
  const group = classic.record(GROUP)
  const [ci] = group.members
  const { ed25519 } = secret.signature
  const altered = `${ed25519[0] === "A" ? "B" : "A"}${ed25519.slice(1)}`
  const bad = (name, error, ...edits) => refused(name, classic, error, edits)
  return [
    bad("bad signature", "SIGNATURE_INVALID", edit(KEY, ed25519, altered)),
    bad(
      "a second spelling of a signature",
      "SIGNATURE_INVALID",
      edit(KEY, ed25519, respelled(ed25519)),
    ),
    bad("changed metadata", "SIGNATURE_INVALID", edit(KEY, "STRIPE_KEY", "OTHER_KEY")),
    bad("raised version", "SIGNATURE_INVALID", edit(KEY, '"version": 2', '"version": 3')),
    bad(
      "wrong fingerprint",
      "SIGNATURE_INVALID",
      edit(KEY, secret.sealedTo, `sha256:${"0".repeat(64)}`),
    ),
    bad("wrong epoch", "SIGNATURE_INVALID", edit(GROUP, '"epoch": 1', '"epoch": 2')),
    bad(
      "swapped recipient of a group",
      "SIGNATURE_INVALID",
      edit(GROUP, group.recipient, ci.recipient),
    ),
    bad("swapped recipient of a member", "SIGNATURE_INVALID", {
      do: "copy",
      from: "forged/classic/stripe-mallory.json",
      path: GROUP,
    }),
    bad(
      "a grant without its end",
      "SIGNATURE_INVALID",
      edit(GROUP, '"until": "2026-12-01', '"until": "2036-12-01'),
    ),
    bad(
      "forged secret",
      "SIGNATURE_INVALID",
      { do: "copy", from: "forged/classic/api-key-mallory.json", path: KEY },
      { do: "copy", from: "forged/classic/api-key-mallory.age", path: VALUE },
    ),
    {
      ...bad("moved record", "RECORD_INVALID", ...move("secrets/stripe/moved")),
      read: "stripe/moved",
    },
    {
      ...bad("moved to another group", "RECORD_INVALID", ...move("secrets/web/api-key")),
      read: "web/api-key",
      as: "deploy",
    },
    {
      ...bad(
        "moved record that says so",
        "SIGNATURE_INVALID",
        ...move("secrets/stripe/moved"),
        edit("secrets/stripe/moved.json", "stripe/api-key.json", "stripe/moved.json"),
      ),
      read: "stripe/moved",
    },
    bad("one group's record for another", "RECORD_INVALID", {
      do: "copy",
      from: "groups/web.json",
      path: GROUP,
    }),
    bad("a record of another kind", "RECORD_INVALID", {
      do: "copy",
      from: "agents/ci.json",
      path: GROUP,
    }),
    { ...bad("no group record", "GROUP_NOT_FOUND", { do: "remove", path: GROUP }) },
    bad("no vault.json", "FOREIGN_VAULT", { do: "remove", path: "vault.json" }),
    bad(
      "a link for a record",
      "FILE_UNSAFE",
      { do: "copy", from: KEY, path: "elsewhere" },
      { do: "link", path: KEY, target: "../../elsewhere" },
    ),
    bad("a record over the limit", "FILE_UNSAFE", { do: "pad", path: KEY, to: 1_048_577 }),
  ]
}

/** The same 64 bytes in base64url, with a spare bit set at the end. */
function respelled(signature) {
  const next = { A: "B", Q: "R", g: "h", w: "x" }
  return signature.slice(0, -1) + next[signature.at(-1)]
}

function move(to) {
  return [
    { do: "copy", from: KEY, path: `${to}.json` },
    { do: "copy", from: VALUE, path: `${to}.age` },
  ]
}

function encodingCases(classic) {
  const bad = (name, ...edits) => refused(name, classic, "RECORD_INVALID", edits)
  const edit = (old, replacement) => ({ do: "replace", path: KEY, old, new: replacement })
  const text = classic.read(KEY).toString("utf8")
  const record = JSON.parse(text)
  const reversed = Object.fromEntries(Object.entries(record).reverse())
  return [
    bad("compact encoding", { do: "write", path: KEY, text: `${JSON.stringify(record)}\n` }),
    bad("keys in another order", {
      do: "write",
      path: KEY,
      text: `${JSON.stringify(reversed, null, 2)}\n`,
    }),
    bad("no newline at the end", { do: "cut", path: KEY, by: 1 }),
    bad("a second newline", { do: "pad", path: KEY, to: text.length + 1 }),
    bad("line ends of Windows", { do: "write", path: KEY, text: text.replaceAll("\n", "\r\n") }),
    bad("a byte order mark", { do: "write", path: KEY, text: `\uFEFF${text}` }),
    bad("an escape that is not needed", edit("STRIPE_KEY", "STRIPE\\u005fKEY")),
    bad("a fraction that is none", edit('"version": 2', '"version": 2.0')),
    bad("duplicate JSON key", edit('  "version": 2', '  "version": 3,\n  "version": 2')),
    bad("an unknown member", edit('  "version": 2', '  "version": 2,\n  "z": true')),
    bad("another format", edit('"format": 1', '"format": 2')),
    bad("a null", edit('"version": 2', '"version": null')),
    bad("no JSON at all", { do: "write", path: KEY, text: "" }),
    bad("no UTF-8", { do: "flip", path: KEY, at: 4, mask: 128 }),
  ]
}

function ciphertextCases(classic) {
  const bad = (name, error, ...edits) => refused(name, classic, error, edits)
  const forged = (name, path) => [
    { do: "copy", from: `forged/classic/${name}.json`, path: `${path}.json` },
    { do: "copy", from: `forged/classic/${name}.age`, path: `${path}.age` },
  ]
  const signed = (name, error, ...edits) => ({ name, vault: classic, error, edits, checker: "ok" })
  return [
    bad("swapped ciphertext", "DIGEST_MISMATCH", {
      do: "copy",
      from: "secrets/stripe/empty.age",
      path: VALUE,
    }),
    bad("cut ciphertext", "DIGEST_MISMATCH", { do: "cut", path: VALUE, by: 1 }),
    bad("one bit of a ciphertext", "DIGEST_MISMATCH", { do: "flip", path: VALUE, at: -1, mask: 1 }),
    bad("one bit of its header", "DIGEST_MISMATCH", { do: "flip", path: VALUE, at: 30, mask: 1 }),
    bad("no ciphertext", "DIGEST_MISMATCH", { do: "remove", path: VALUE }),
    bad("another group's key", "DIGEST_MISMATCH", {
      do: "copy",
      from: "groups/web.age",
      path: GROUP_KEY,
    }),
    bad("no group key", "DIGEST_MISMATCH", { do: "remove", path: GROUP_KEY }),
    signed(
      "a cut ciphertext that an owner signed",
      "CIPHERTEXT_DAMAGED",
      ...forged("api-key-cut", "secrets/stripe/api-key"),
    ),
    signed(
      "a group key not sealed to its member",
      "NOT_A_READER",
      ...forged("stripe-without-ci", "groups/stripe"),
    ),
    signed(
      "another key than the signed one",
      "RECIPIENT_MISMATCH",
      ...forged("stripe-other-key", "groups/stripe"),
    ),
  ]
}

function ownerCases(classic) {
  const put = (file) => ({
    do: "copy",
    from: `forged/classic/vault-${file}.json`,
    path: "vault.json",
  })
  const bad = (name, error, ...edits) => refused(name, classic, error, edits)
  const [alice] = classic.record("vault.json").owners
  return [
    bad("an owner who adds himself", "RECORD_INVALID", put("second-root")),
    bad("an owner whom alice never signed", "SIGNATURE_INVALID", put("by-alice-not-signed-by-her")),
    bad("the owners signed by a stranger", "SIGNATURE_INVALID", put("signed-by-mallory")),
    bad("another name for an owner", "SIGNATURE_INVALID", {
      do: "replace",
      path: "vault.json",
      old: '"alice"',
      new: '"alicf"',
    }),
    bad("another recipient for an owner", "SIGNATURE_INVALID", {
      do: "replace",
      path: "vault.json",
      old: alice.recipient,
      new: `${alice.recipient.slice(0, -1)}${alice.recipient.endsWith("q") ? "p" : "q"}`,
    }),
    bad("owners of two kinds", "KEYS_MIXED", put("mixed-kinds")),
    bad("a chain that does not start with the trusted owner", "UNTRUSTED", put("own-root")),
    bad("a chain that only lists the trusted owner", "UNTRUSTED", put("alice-under-mallory")),
  ]
}

function endedOwnerCases(owners) {
  const put = (file) => ({
    do: "copy",
    from: `forged/owners/vault-${file}.json`,
    path: "vault.json",
  })
  const bad = (name, error, edits, more) => refused(name, owners, error, edits, more)
  const byAlice = { do: "copy", from: "forged/owners/api-key-by-alice.json", path: KEY }
  const ok = { vault: owners, checker: "ok" }
  return [
    {
      ...ok,
      name: "an agent trusts the owner who is left",
      value: value(owners.expected["stripe/api-key"]),
    },
    { ...ok, name: "an ended owner opens nothing sealed later", as: "alice", error: "NOT_GRANTED" },
    bad("an ended owner is nobody to trust", "UNTRUSTED", [], { trust: "alice" }),
    bad("an owner who did not bring the others", "UNTRUSTED", [], { trust: "dave" }),
    bad("a record signed by an ended owner", "SIGNATURE_INVALID", [byAlice]),
    bad("an ended owner who undoes his end", "UNTRUSTED", [put("alice-undoes-her-end")]),
    bad("an ended owner who dates an entry back", "UNTRUSTED", [put("alice-backdates-mallory")]),
    bad("an ended owner who adds somebody", "SIGNATURE_INVALID", [put("carol-adds-after-her-end")]),
    bad("an end that its remover did not sign", "SIGNATURE_INVALID", [put("end-not-signed")]),
  ]
}

/** `seen`: this clone has read the vault as it is before the edits. */
function staleCases(classic, revoked, owners) {
  const earlier = [
    { do: "copy", from: "forged/classic/api-key-1.json", path: KEY },
    { do: "copy", from: "forged/classic/api-key-1.age", path: VALUE },
  ]
  const epochOne = [
    { do: "copy", from: "forged/revoked/api-key-epoch-1.json", path: KEY },
    { do: "copy", from: "forged/revoked/api-key-epoch-1.age", path: VALUE },
  ]
  const groupOne = [
    { do: "copy", from: "forged/revoked/stripe-1.json", path: GROUP },
    { do: "copy", from: "forged/revoked/stripe-1.age", path: GROUP_KEY },
  ]
  const put = (file) => [
    { do: "copy", from: `forged/owners/vault-${file}.json`, path: "vault.json" },
  ]
  const backdated = [
    { do: "copy", from: "forged/owners/vault-carol-backdates-mallory.json", path: "vault.json" },
  ]
  const seen = { seen: { seen: true } }
  const ok = { checker: "ok" }
  return [
    {
      name: "a secret set back, not seen before: not detected",
      vault: classic,
      edits: earlier,
      value: value(Buffer.from("first value")),
      ...ok,
    },
    {
      name: "a secret set back",
      vault: classic,
      edits: earlier,
      error: "ROLLED_BACK",
      ...seen,
      ...ok,
    },
    {
      name: "a secret sealed to an earlier key",
      vault: revoked,
      edits: epochOne,
      error: "SEALED_TO_OLD_KEY",
      ...ok,
    },
    {
      name: "a group set back, not seen before",
      vault: revoked,
      edits: groupOne,
      error: "SEALED_TO_OLD_KEY",
      checker: "refused",
    },
    {
      name: "a group set back",
      vault: revoked,
      edits: groupOne,
      error: "ROLLED_BACK",
      ...seen,
      checker: "refused",
    },
    {
      name: "owners set back to before the first one's end",
      vault: owners,
      edits: put(4),
      error: "UNTRUSTED",
      checker: "refused",
    },
    {
      name: "owners set back to before another's end, not seen before: not detected",
      vault: owners,
      edits: put(5),
      value: value(owners.expected["stripe/api-key"]),
      ...ok,
    },
    { name: "owners set back", vault: owners, edits: put(5), error: "ROLLED_BACK", ...seen, ...ok },
    {
      name: "other owners at the same serial",
      vault: owners,
      edits: put("6-without-dave"),
      error: "ROLLED_BACK",
      ...seen,
      ...ok,
    },
    {
      name: "an entry dated back by one whom bob brought, not seen before: not detected",
      vault: owners,
      edits: backdated,
      value: value(owners.expected["stripe/api-key"]),
      ...ok,
    },
    {
      name: "an entry dated back by one whom bob brought, where the owners were seen",
      vault: owners,
      edits: backdated,
      error: "UNTRUSTED",
      ...seen,
      ...ok,
    },
  ]
}

function otherVaultCases(classic, postQuantum, revoked) {
  const from = (file) => `${revoked.name}/vault/.agent-vault/${file}`
  const both = (record, sealed) => [
    { do: "copy", from: from(record), path: record },
    { do: "copy", from: from(sealed), path: sealed },
  ]
  const bad = (name, error, edits, more) => refused(name, classic, error, edits, more)
  return [
    bad("other vault's secret", "RECORD_INVALID", both(KEY, VALUE)),
    bad("other vault's group", "RECORD_INVALID", both(GROUP, GROUP_KEY)),
    bad("other vault's owners", "UNTRUSTED", [
      { do: "copy", from: from("vault.json"), path: "vault.json" },
    ]),
    {
      name: "a revoked agent of a post-quantum vault",
      vault: postQuantum,
      as: "old",
      error: "NOT_GRANTED",
      checker: "ok",
    },
    {
      name: "an agent of a post-quantum vault",
      vault: postQuantum,
      value: value(postQuantum.expected["stripe/api-key"]),
      checker: "ok",
    },
  ]
}

/** What may be said of where a value may go, and by whom; and how a format is refused. */
function useCases(vault) {
  const put = (name) => [{ path: KEY, do: "copy", from: `forged/uses/${name}.json` }]
  return [
    ...["wider-unsigned", "wider-by-mallory", "format-1000-by-mallory"].map((name) =>
      refused(`uses: ${name}`, vault, "SIGNATURE_INVALID", put(name)),
    ),
    ...["use-in-format-1", "format-2-without-use", "no-rules"].map((name) =>
      refused(`uses: ${name}`, vault, "RECORD_INVALID", put(name)),
    ),
    refused("uses: format-1000, of a newer program", vault, "FORMAT_NEWER", put("format-1000")),
    refused(
      "uses: a record without the rules that were added since",
      vault,
      "ROLLED_BACK",
      put("api-key-1"),
      {
        seen: { seen: true },
        checker: "ok",
      },
    ),
  ]
}

/** What may be said of how a secret is rotated, and by whom. */
function rotationCases(vault) {
  const put = (name) => [{ path: KEY, do: "copy", from: `forged/rotations/${name}.json` }]
  return [
    ...["other-program-unsigned", "other-program-by-mallory"].map((name) =>
      refused(`rotations: ${name}`, vault, "SIGNATURE_INVALID", put(name)),
    ),
    ...["rotation-in-format-2", "format-3-without-rotation", "no-run"].map((name) =>
      refused(`rotations: ${name}`, vault, "RECORD_INVALID", put(name)),
    ),
  ]
}

/** What a removed owner, and the keys that they knew, are good for afterwards. */
function removalCases(vault) {
  const put = (name, path = KEY) => [{ path, do: "copy", from: `forged/removals/${name}.json` }]
  const ok = { vault, checker: "ok" }
  return [
    {
      ...ok,
      name: "removals: the agent with the key that is in escrow now",
      value: value(Buffer.from("a value")),
    },
    {
      ...ok,
      name: "removals: the key that the removed owner could know",
      as: "ci-before",
      error: "NOT_GRANTED",
    },
    { ...ok, name: "removals: the removed owner", as: "bob", error: "NOT_GRANTED" },
    refused("removals: what a removed owner signs", vault, "SIGNATURE_INVALID", put("by-bob")),
    ...["exposed-in-format-1", "format-4-without-its-members", "exposed-to-nobody"].map((name) =>
      refused(`removals: ${name}`, vault, "RECORD_INVALID", put(name)),
    ),
    refused(
      "removals: group-in-format-1",
      vault,
      "RECORD_INVALID",
      put("group-in-format-1", GROUP),
    ),
    refused(
      "removals: the group as it was before",
      vault,
      "ROLLED_BACK",
      put("group-before", GROUP),
      {
        seen: { seen: true },
      },
    ),
  ]
}

/** Who reads a secret does not look at the agent's own record; who checks the vault does. */
function laterRemovalCases(vault) {
  const put = (name) => [
    { path: "agents/ci.json", do: "copy", from: `forged/later-removals/${name}.json` },
  ]
  return [
    {
      name: "later-removals: the removed owner",
      vault,
      as: "bob",
      error: "NOT_GRANTED",
      checker: "ok",
    },
    ...["plain-unsigned", "removed-in-format-4", "format-10-without-removed", "nobody-removed"].map(
      (name) => ({
        name: `later-removals: ${name}`,
        vault,
        edits: put(name),
        value: value(Buffer.from("a value")),
        checker: "refused",
      }),
    ),
  ]
}

/** A reader that cannot ask the store must not hand out the reference as the value. */
function sourceCases(vault) {
  const put = (name) => [{ path: KEY, do: "copy", from: `forged/sources/${name}.json` }]
  return [
    {
      name: "sources: no store can be asked",
      vault,
      error: "SOURCE_FAILED",
      checker: "ok",
    },
    ...["plain-unsigned", "plain-by-mallory"].map((name) =>
      refused(`sources: ${name}`, vault, "SIGNATURE_INVALID", put(name)),
    ),
    ...["source-in-format-1", "format-6-without-source", "unknown-store", "kept-too-long"].map(
      (name) => refused(`sources: ${name}`, vault, "RECORD_INVALID", put(name)),
    ),
  ]
}

/** A reader takes tags for what an owner signed, and for nothing else. */
function tagCases(vault) {
  const put = (name) => [{ path: KEY, do: "copy", from: `forged/tags/${name}.json` }]
  return [
    ...["plain-unsigned", "other-by-mallory"].map((name) =>
      refused(`tags: ${name}`, vault, "SIGNATURE_INVALID", put(name)),
    ),
    ...["tags-in-format-1", "format-7-without-tags", "no-tags"].map((name) =>
      refused(`tags: ${name}`, vault, "RECORD_INVALID", put(name)),
    ),
  ]
}

/** A reader that takes no leases must not hand out what they are taken with. */
function leaseCases(vault) {
  const put = (name) => [{ path: KEY, do: "copy", from: `forged/leases/${name}.json` }]
  return [
    { name: "leases: none is taken", vault, error: "LEASE_FAILED", checker: "ok" },
    ...["plain-unsigned", "elsewhere-unsigned", "elsewhere-by-mallory"].map((name) =>
      refused(`leases: ${name}`, vault, "SIGNATURE_INVALID", put(name)),
    ),
    ...[
      "lease-in-format-1",
      "format-8-without-lease",
      "unknown-kind",
      "plain-http",
      "with-a-user",
      "with-a-source",
    ].map((name) => refused(`leases: ${name}`, vault, "RECORD_INVALID", put(name))),
  ]
}

function laterLeaseCases(vault) {
  const put = (name) => [{ path: KEY, do: "copy", from: `forged/later-leases/${name}.json` }]
  return [
    { name: "later-leases: none is taken", vault, error: "LEASE_FAILED", checker: "ok" },
    {
      name: "later-leases: nor a dynamic secret",
      vault,
      read: "stripe/database",
      error: "LEASE_FAILED",
      checker: "ok",
    },
    {
      name: "later-leases: nor short-lived keys",
      vault,
      read: "stripe/cloud",
      error: "LEASE_FAILED",
      checker: "ok",
    },
    refused("later-leases: other-by-mallory", vault, "SIGNATURE_INVALID", put("other-by-mallory")),
    ...[
      "oauth-in-format-8",
      "oauth-with-an-app",
      "oauth-without-a-client",
      "oauth-in-another-order",
      "oauth-for-anybody",
      "vault-without-a-field",
      "vault-with-a-way-up",
      "aws-sts-with-another-field",
      "aws-sts-without-its-role",
      "aws-sts-without-an-end",
      "github-app-in-format-9",
    ].map((name) => refused(`later-leases: ${name}`, vault, "RECORD_INVALID", put(name))),
  ]
}

/** What may be said of a policy, by whom, and what it then refuses. */
function policyCases(vault) {
  const from = (name) => `forged/policies/${name}.json`
  const put = (name) => [{ path: "vault.json", do: "copy", from: from(name) }]
  const swap = { path: "policy.json", do: "copy", from: from("loose") }
  const read = "stripe/other"
  return [
    {
      name: "policies: what a rule allows",
      vault,
      value: value(vault.expected["stripe/api-key"]),
      checker: "ok",
    },
    { name: "policies: what a rule denies", vault, read, error: "POLICY_REFUSED", checker: "ok" },
    refused(
      "policies: policy.json is missing",
      vault,
      "DIGEST_MISMATCH",
      [{ path: "policy.json", do: "remove" }],
      { read },
    ),
    refused("policies: another policy.json", vault, "DIGEST_MISMATCH", [swap], { read }),
    ...["loose-vault-unsigned", "loose-vault-by-mallory"].map((name) =>
      refused(`policies: ${name}`, vault, "SIGNATURE_INVALID", [swap, ...put(name)], { read }),
    ),
    refused(
      "policies: vault-unsigned, without it",
      vault,
      "SIGNATURE_INVALID",
      put("vault-unsigned"),
      { read },
    ),
    ...["policy-in-format-1", "format-5-without-policy"].map((name) =>
      refused(`policies: ${name}`, vault, "RECORD_INVALID", put(name), { read }),
    ),
    refused(
      "policies: the vault.json from before",
      vault,
      "ROLLED_BACK",
      [...put("vault-before"), { path: "policy.json", do: "remove" }],
      {
        seen: { seen: true },
        checker: "ok",
      },
    ),
    {
      name: "policies: a rule that cannot be decided",
      vault,
      edits: [{ path: "policy.json", do: "copy", from: from("broken") }, ...put("broken-vault")],
      error: "POLICY_REFUSED",
      checker: "ok",
    },
  ]
}
