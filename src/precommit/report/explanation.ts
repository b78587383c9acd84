import { harmless, toJson } from "../../core/guard.js"
import { notesOn, reportDocument } from "./report.js"
import type { ExplainedFile, ExplainedMatch, LookedFor, Report } from "./request.js"

const WHY: Readonly<Record<NonNullable<ExplainedMatch["veto"]>, string>> = {
  // An exception.
  comment: "a comment beside it allows it",
  entry: "an entry of .agent-vault-guard.yaml allows it",
  // It stands for a key.
  brackets: "looks like a placeholder: angle brackets",
  placeholder: "looks like a placeholder: its words or crosses say so",
  repeated: "looks like a placeholder: the same few characters again and again",
  "well-known": "known to everybody: it is in documentation",
  run: "looks like a placeholder: a run of one character",
  row: "looks like a placeholder: a row such as 12345678",
  published: "known public key: it is in a standard or in documentation",
  common: "a password that everybody tries first",
  name: "the name of a secret, not its value",
  test: "named as tests name their values",
  unreal: "its name says that nothing here is real",
  // It is written elsewhere.
  "filled-in": "filled in from elsewhere, as ${NAME} is",
  reference: "a reference or a path: it points to a secret, or is a public key or a digest",
  ciphertext: "ciphertext or a digest, by its form",
  arn: "a part of an address in Amazon's cloud",
  // It is something else.
  bytes: "bytes, too few or too plain for a key",
  code: "a piece of code, taken for a text",
  digest: "digits in base 16 under a name that is not a secret's",
  "empty-token": "a token that says nothing",
  "goes-on": "the beginning of more: a call, a path or a longer word",
  "harmless-name": "its name says nothing of a secret",
  "key-id": "the fingerprint of a key of OpenPGP",
  literal: "a number, a variable, a path or a name that code knows",
  once: "the number of a request",
  plain: "a number, a version, a date, an address or words joined by dots",
  said: "words in Base64",
  sentence: "blanks in it: a sentence",
  stored: "the name of a file in a store, or of what a cache keeps",
  uuid: "a UUID under a name that does not say whose secret it is",
  word: "a word of code",
  words: "words in a row, as files and classes are called",
  // It is too weak, or too short.
  chance: "too little chance in it",
  entropy: "too few different characters",
  length: "too short, or too long",
  weak: "too weak for a password",
  // Where it stands.
  badge: "in the address of a badge, which is made to be published",
  "better-rule": "another rule tells it",
  data: "in data through and through, a certificate say",
  example: "an example in the description of an API",
  excused: "what stands before it says that it is none",
  packed: "in packed code",
  // The check of a rule.
  armoured: "no key in it",
  base62: "its checksum is wrong",
  basic: "no name and password in it",
  bech32: "its checksum is wrong",
  certain: "too little chance in it",
  chosen: "no password: it stands for one, or everybody tries it first",
  digit: "no digit among letters",
  discord: "no number of a bot in it",
  grafana: "its checksum is wrong",
  jwt: "a token of documentation, or one that says nothing",
  login: "no login: its password stands for one, or everybody tries it first",
  password: "no password: it stands for one, or everybody tries it first",
  random: "too little chance in it",
  unsure: "too little chance in it",
  userpass: "no login: its password stands for one, or everybody tries it first",
  wrappedKey: "no private key in its Base64",
  wrappedToken: "no token in its Base64",
}

const LOOKED: Readonly<Record<LookedFor, string>> = {
  everything: "",
  shapes: "a tool wrote it, so names in it count for nothing",
  keys: "looked for private keys and own values only",
  nothing: "a pointer of Git LFS",
}

/** The report with its explanation, as one JSON document; see docs/guard.md. */
export function explanationJson(report: Report): string {
  const explained = filesOf(report).map((file) => ({
    ...file,
    matches: file.matches.map((match) =>
      match.veto === undefined ? match : { ...match, why: WHY[match.veto] },
    ),
  }))
  return `${toJson({ ...reportDocument(report), explained }, 2)}\n`
}

/** What became of each match, for people. Each line is escaped, since paths come from the repository. */
export function explanationText(report: Report): string {
  return filesOf(report)
    .flatMap(linesOf)
    .map((line) => `${harmless(line)}\n`)
    .join("")
}

/** How many matches there are and what became of them; and what else there is to say. */
export function explanationNotes(report: Report): readonly string[] {
  const files = filesOf(report)
  const matches = files.flatMap((file) => file.matches)
  const counts = ["reported", "public", "allowed", "silenced"].flatMap((outcome) => {
    const count = matches.filter((match) => match.outcome === outcome).length
    return count === 0 ? [] : [`${count} ${outcome}`]
  })
  const what =
    counts.length === 0
      ? "no rule matched"
      : `${counted(matches.length, "match", "es")}: ${counts.join(", ")}`
  return [`agent-vault guard: ${counted(files.length, "file", "s")}, ${what}`, ...notesOn(report)]
}

function filesOf({ explained = [] }: Report): readonly ExplainedFile[] {
  return explained
}

function counted(count: number, noun: string, ending: string): string {
  return `${count} ${noun}${count === 1 ? "" : ending}`
}

function linesOf({ path, looked, matches }: ExplainedFile): readonly string[] {
  const head = [path, matches.length === 0 ? "no rule matched" : "", LOOKED[looked]]
  const places = padded(matches.map(({ line, column }) => `${line}:${column}`))
  const rules = padded(matches.map(({ rule }) => rule))
  const excerpts = padded(matches.map(({ excerpt }) => excerpt))
  return [
    head.filter((part) => part !== "").join(": "),
    ...matches.map((match, at) =>
      ["", places[at], rules[at], excerpts[at], outcomeOf(match)].join("  "),
    ),
  ]
}

function outcomeOf({ outcome, veto, by }: ExplainedMatch): string {
  if (outcome === "public") return "told as public; it stops nothing"
  if (veto === undefined) return outcome
  return `${outcome}: ${WHY[veto]} (${by ?? veto})`
}

function padded(cells: readonly string[]): readonly string[] {
  const width = cells.reduce((most, { length }) => Math.max(most, length), 0)
  return cells.map((cell) => cell.padEnd(width))
}
