import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { CLIENT_KINDS, hintOf, kindsOf } from "../../../src/broker/probe/client-kinds.js"
import { clientEnvironment } from "../../../src/broker/environment/client-environment.js"

const page = fileURLToPath(new URL("../../../docs/broker.md", import.meta.url))
const nobody = new Set<string>()

const namesOf = (command: readonly string[], called: ReadonlySet<string> = nobody): string[] =>
  kindsOf(command, called).map(({ name }) => name)

test("each client of the table in docs/broker.md is of a kind", () => {
  const [, table = ""] =
    /<!-- clients -->([^]*)<!-- end of clients -->/.exec(readFileSync(page, "utf8")) ?? []
  const clients = [...table.matchAll(/^\| (.*?) *\|/gm)].map(([, name = ""]) => name).slice(2)
  expect(clients.length).toBeGreaterThan(20)
  const unknown = clients.filter(
    (client) => !CLIENT_KINDS.some(({ name }) => client.startsWith(name)),
  )
  expect(unknown).toEqual([])
})

test("a hint names variables that programs are given, and no others", () => {
  const trust = { authority: "/a", bundle: "/b", javaStore: "/j", remove: () => {} }
  const wayOut = { proxy: "http://x:t@127.0.0.1:1", trust, preload: "/p", isLocalBound: false }
  const given = new Set(Object.keys(clientEnvironment(wayOut, {})))
  const kinds = [...CLIENT_KINDS.map((kind) => [kind]), []]
  const hints = kinds.flatMap((kind) => [hintOf(kind, "follows"), hintOf(kind, "trusts")])
  const named = hints.flatMap((hint) => hint.match(/\b[A-Z]+_[A-Z_]+\b/g) ?? [])
  expect(named.length).toBeGreaterThan(15)
  expect(named.filter((name) => !given.has(name))).toEqual([])
})

test.each([
  [["curl", "{url}"], ["curl"]],
  [["/usr/bin/python3.11", "a.py"], ["Python"]],
  [["C:\\x/node.exe", "a.mjs"], ["Node"]],
  [["sh", "-c", "cd /tmp && curl -s $PROBE_URL|cat"], ["curl"]],
  [
    ["sh", "-c", "git fetch; npm ci"],
    ["git", "Node"],
  ],
  [["./curling"], []],
] as const)("%j is known by its line", (command, kinds) => {
  expect(namesOf(command)).toEqual(kinds)
})

test("what a client calls itself counts for more than what started it", () => {
  expect(namesOf(["sh", "-c", "node x"], new Set(["Go-http-client/1.1"]))).toEqual(["Go"])
  expect(namesOf(["./tool"], new Set(["python-requests/2.31"]))).toEqual(["Python"])
})

test("a client of no kind gets the general hint, one of two kinds both", () => {
  expect(hintOf(kindsOf(["./tool"], nobody), "trusts")).toMatch(
    /^look what it reads: SSL_CERT_FILE/,
  )
  const hint = hintOf(kindsOf(["sh", "-c", "git fetch; curl x"], nobody), "follows")
  expect(hint).toMatch(/curl: .*git: /)
})
