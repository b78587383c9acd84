import { chmodSync, mkdirSync, mkdtempSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeEach, expect, test } from "vitest"
import { closeFolder, homeRights } from "../../../src/core/owner.js"

const VAULT = "0123456789abcdef0123456789abcdef"
const NOTHING = { written: [], seen: [], others: [] }

let home: string
let keys: string
let state: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "rights-"))
  keys = join(home, "keys")
  state = join(home, "state", "agent-vault")
  for (const folder of [join(keys, VAULT, "agents"), join(state, VAULT, "sources")]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }
  writeFileSync(join(state, VAULT, "ci.jsonl"), "", { mode: 0o644 })
})

function rights(user?: number) {
  return homeRights(user, { AGENT_VAULT_HOME: keys, XDG_STATE_HOME: join(home, "state") })
}

test("folders that are the user's alone have nothing to tell, nor have those that are not there", () => {
  const own = statSync(home).uid
  expect(rights(own)).toEqual(NOTHING)
  expect(homeRights(own, { HOME: join(home, "nobody") })).toEqual(NOTHING)
})

test("who can write, and who can only look, is told apart, and a folder can be closed", () => {
  chmodSync(keys, 0o720)
  chmodSync(join(state, VAULT, "sources"), 0o705)
  const found = rights()
  expect(found).toEqual({ written: [keys], seen: [join(state, VAULT, "sources")], others: [] })
  for (const folder of [...found.written, ...found.seen]) closeFolder(folder)
  expect(rights()).toEqual(NOTHING)
})

test("what is another user's is told, but for root, who may own what it likes", () => {
  const another = statSync(home).uid + 1
  expect(rights(another).others).toContain(join(state, VAULT, "ci.jsonl"))
  expect(rights(another).others).toContain(join(keys, VAULT, "agents"))
  expect(rights(0)).toEqual(NOTHING)
})

test("no link below a home is followed", () => {
  const open = join(home, "open")
  mkdirSync(open)
  chmodSync(open, 0o777)
  symlinkSync(open, join(state, VAULT, "elsewhere"))
  expect(rights()).toEqual(NOTHING)
})
