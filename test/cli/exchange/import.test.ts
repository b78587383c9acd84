import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../machine.js"

let machine: Machine

beforeEach(async () => {
  machine = await vaultMachine()
})
afterEach(() => machine.remove())

/** Obviously no secret, and distinct. */
const value = (which: string): string => ["not", "a", "real", which].join("-")

async function imported(name: string, text: string, ...options: readonly string[]) {
  writeFileSync(join(machine.repo, name), text)
  return machine.call(["import", name, "-g", "shop", ...options])
}

async function get(name: string): Promise<string> {
  const { stdout, stderr } = await machine.call(["get", name, "--owner"])
  return stderr === "" ? stdout : stderr
}

test.each([
  [".env", `export DB_URL='${value("one")}'\n# a comment\nDB_PORT=5432\n`],
  ["values.json", JSON.stringify({ DB_URL: value("one"), DB_PORT: 5432 })],
  ["values.yaml", `DB_URL: ${value("one")} # a comment\nDB_PORT: 5432\n`],
])("%s: each value is a secret, all in one commit, and no value is shown", async (name, text) => {
  const before = machine.git("rev-list", "--count", "HEAD")
  const ran = await imported(name, text)
  expect(ran.code).toBe(0)
  expect(ran.stdout).toBe("+ shop/db-url  version 1\n+ shop/db-port  version 1\n")
  expect(ran.stdout + ran.stderr).not.toContain(value("one"))
  expect(Number(machine.git("rev-list", "--count", "HEAD"))).toBe(Number(before) + 1)
  expect(await get("shop/db-url")).toBe(value("one"))
  expect(await get("shop/db-port")).toBe("5432")
  const { stdout } = await machine.call(["list", "shop", "--json"])
  expect(JSON.parse(stdout)).toMatchObject({
    secrets: [
      { name: "shop/db-port", env: "DB_PORT" },
      { name: "shop/db-url", env: "DB_URL" },
    ],
  })
})

test("a .env file's own names come back, in small letters too", async () => {
  const text = `db_password=${value("one")}\nApiKey=${value("two")}\nDB_URL=${value("three")}\n`
  expect((await imported(".env", text)).code).toBe(0)
  const { stdout } = await machine.call(["export", "-g", "shop", "--format", "dotenv", "--owner"])
  expect(stdout.split("\n").sort()).toEqual(text.split("\n").sort())
  // Elsewhere a key is no variable, and the name of its secret makes one.
  expect(
    (await imported("v.json", JSON.stringify({ apiKey: value("one") }), "--prefix", "j-")).code,
  ).toBe(0)
  const { secrets } = JSON.parse((await machine.call(["list", "shop", "--json"])).stdout) as {
    secrets: { name: string; env?: string }[]
  }
  expect(secrets.find(({ name }) => name === "shop/j-apiKey")?.env).toBeUndefined()
})

test.each([
  [
    ".env",
    `STRIPE_KEY=${value("one")}\nPATH=/opt/bin\nUID=1000\nld_preload=${value("two")}\n`,
    "PATH (it decides which programs are found), UID (shells set it by themselves), ld_preload",
  ],
  [
    "v.json",
    JSON.stringify({ STRIPE_KEY: value("one"), NODE_OPTIONS: value("two") }),
    "NODE_OPTIONS (it",
  ],
])(
  "%s: a variable that no program is given is refused, and nothing is stored",
  async (name, text, says) => {
    const before = machine.git("rev-parse", "HEAD")
    const { code, stderr } = await imported(name, text)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
    expect(stderr).not.toContain(value("two"))
    expect(machine.git("rev-parse", "HEAD")).toBe(before)
  },
)

test("what is nested has a path, and a number is stored as it is written", async () => {
  const text = `db:\n  main: {url: ${value("one")}, ratio: 1.10, big: 12345678901234567890}\n  on: true\n`
  expect((await imported("values.yml", text, "--prefix", "live/")).code).toBe(0)
  expect(await get("shop/live/db/main/url")).toBe(value("one"))
  expect(await get("shop/live/db/main/ratio")).toBe("1.10")
  expect(await get("shop/live/db/main/big")).toBe("12345678901234567890")
  expect(await get("shop/live/db/on")).toBe("true")
  const json = `{"n": {"ratio": 1.10, "big": 12345678901234567890, "text": "a\\u00e9\\n\\ud83d\\ude00\\/"}}`
  expect((await imported("values.json", json)).code).toBe(0)
  expect(await get("shop/n/ratio")).toBe("1.10")
  expect(await get("shop/n/big")).toBe("12345678901234567890")
  expect(await get("shop/n/text")).toBe("aé\n😀/")
})

test("from stdin, where the format is said", async () => {
  const ran = await machine.call(
    ["import", "-", "-g", "shop", "--format", "dotenv"],
    `A_KEY=${value("one")}\n`,
  )
  expect(ran).toMatchObject({ code: 0, stdout: "+ shop/a-key  version 1\n" })
  expect(await get("shop/a-key")).toBe(value("one"))
})

describe("secrets that are there", () => {
  beforeEach(async () => {
    await imported(".env", `ONE=${value("one")}\nTWO=${value("two")}\n`)
  })

  test("get new values only when that is said; nobody is at a terminal here", async () => {
    const ran = await imported(".env", `ONE=${value("other")}\nTHREE=${value("three")}\n`)
    expect(ran).toMatchObject({ code: 2, stdout: "" })
    expect(ran.stderr).toContain("NO_TERMINAL")
    expect(ran.stderr).toContain("shop/one")
    expect(await get("shop/one")).toBe(value("one"))
    expect(await get("shop/three")).toContain("SECRET_NOT_FOUND")
    const text = `ONE=${value("other")}\nTWO=${value("two")}\nTHREE=${value("three")}\n`
    expect((await imported(".env", text, "--yes")).stdout).toBe(
      "~ shop/one  version 2\n= shop/two  version 1\n+ shop/three  version 1\n",
    )
    expect(await get("shop/one")).toBe(value("other"))
  })

  test("a dry run asks nobody, and changes nothing", async () => {
    const head = machine.git("rev-parse", "HEAD")
    const ran = await imported(".env", `ONE=${value("other")}\nNEW=x\n`, "--dry-run")
    expect(ran).toMatchObject({
      code: 0,
      stdout: "~ shop/one  version 2\n+ shop/new  version 1\n",
    })
    expect(machine.git("rev-parse", "HEAD")).toBe(head)
  })
})

test("what is wrong with a file is told without its values, and nothing is stored", async () => {
  const head = machine.git("rev-parse", "HEAD")
  const secret = value("one")
  const wrong: readonly (readonly [name: string, text: string, code: string])[] = [
    ["values.json", `{"a": "${secret}"`, "CONFIG_INVALID"],
    ["values.json", `{"a": ["${secret}"]}`, "CONFIG_INVALID"],
    ["values.json", `{"a": null, "b": "${secret}"}`, "CONFIG_INVALID"],
    ["values.json", `["${secret}"]`, "CONFIG_INVALID"],
    ["values.json", `{"a": "${secret}", "a": "other"}`, "CONFIG_INVALID"],
    ["values.json", "{}", "CONFIG_INVALID"],
    ["values.yaml", `a: &anchor ${secret}\nb: *anchor\n`, "CONFIG_INVALID"],
    ["values.yaml", `a: "${secret}`, "CONFIG_INVALID"],
    ["values.yaml", `a: !!binary ${secret}\n`, "CONFIG_INVALID"],
    ["values.yaml", `a: |${secret}\n`, "CONFIG_INVALID"],
    ["values.yaml", `a: >${secret}\n`, "CONFIG_INVALID"],
    ["values.yaml", `a: !x!${secret}\n`, "CONFIG_INVALID"],
    ["values.yaml", `a: "\\U${secret}"\n`, "CONFIG_INVALID"],
    [".env", `A='${secret}`, "CONFIG_INVALID"],
    [".env", "# nothing\n", "CONFIG_INVALID"],
    [".env", `A=av://stripe/api-key\nB=${secret}\n`, "CONFIG_INVALID"],
    ["values.json", JSON.stringify({ "../up": secret }), "NAME_INVALID"],
    ["values.json", JSON.stringify({ A_B: secret, "a-b": secret }), "USAGE"],
    ["values.json", JSON.stringify({ Stripe: secret, stripe: secret }), "USAGE"],
    ["values.txt", secret, "USAGE"],
  ]
  for (const [name, text, code] of wrong) {
    const { stdout, stderr } = await imported(name, text)
    expect([text, stdout, stderr.split(": ")[1]]).toEqual([text, "", code])
    expect(stderr).not.toContain(secret.slice(0, 6))
  }
  expect(machine.git("rev-parse", "HEAD")).toBe(head)
})

test.each(["MY.KEY", "my-key", "1ST"])(
  "the way on where %s is no variable is told",
  async (name) => {
    const { code, stderr } = await imported(".env", `A=${value("one")}\n${name}=${value("two")}\n`)
    expect([code, stderr]).toEqual([2, expect.stringContaining(".env:2: what stands before =")])
    expect(stderr).toContain("store its value alone: agent-vault set GROUP/NAME")
  },
)

/**
 * A program of ours in the place of sops, which no registry of this project has: it is called as sops
 * is, and prints the JSON of a file's values, or fails.
 */
function standInForSops(script: string): void {
  const folder = join(machine.home, "bin")
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "sops"), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, "sops"), 0o755)
}

describe("a file that sops sealed", () => {
  const sealed = "db_url: ENC[AES256_GCM,data:x]\nsops:\n  mac: ENC[AES256_GCM,data:y]\n"

  test("is opened by sops, which gets nothing of ours", async () => {
    const seen = join(machine.home, "seen")
    standInForSops(
      `printf '%s\\n' "$@" >'${seen}'; env | grep -c ^AGENT_VAULT_ >>'${seen}'; printf '{"db_url": "%s"}' '${value("one")}'`,
    )
    writeFileSync(join(machine.repo, "secrets.yaml"), sealed)
    const key = join(machine.home, "owner.key")
    const { stdout } = await machine.shell(
      'find "$HOME" -name owner.key -path "*agent-vault*" | head -1',
    )
    writeFileSync(key, readFileSync(stdout.trim()), { mode: 0o600 })
    machine.env["AGENT_VAULT_IDENTITY_FILE"] = key
    const ran = await machine.call(["import", "secrets.yaml", "-g", "shop"])
    expect(ran).toMatchObject({ code: 0, stdout: "+ shop/db_url  version 1\n" })
    expect(readFileSync(seen, "utf8").split("\n")).toEqual([
      "--decrypt",
      "--input-type",
      "yaml",
      "--output-type",
      "json",
      join(machine.repo, "secrets.yaml"),
      "0",
      "",
    ])
    delete machine.env["AGENT_VAULT_IDENTITY_FILE"]
    expect(await get("shop/db_url")).toBe(value("one"))
  })

  test("is let go by SIGTERM to us alone: sops ends with all below it, before us", async () => {
    const started = join(machine.home, "started")
    standInForSops(`sleep 600 & echo $$ > ${started}; echo $! >> ${started}; wait`)
    writeFileSync(join(machine.repo, "secrets.yaml"), sealed)
    const ran = await machine.shell(`agent-vault import secrets.yaml -g shop &
      until [ "$(wc -l < ${started})" = 2 ]; do sleep 0.02; done 2>/dev/null
      kill -TERM $!; wait $!; echo $?
      for pid in $(cat ${started}); do
        while grep -qs ") [^ZX] " /proc/$pid/stat; do sleep 0.02; done
      done`)
    expect(ran.stdout).toBe(`${128 + constants.signals.SIGTERM}\n`)
  })

  test("is never stored sealed: where sops fails, or is not there, nothing is", async () => {
    standInForSops(`echo '${value("one")}' >&2; exit 3`)
    const failed = await imported("secrets.yaml", sealed)
    expect(failed).toMatchObject({ code: 2, stdout: "" })
    expect(failed.stderr).toContain("CONFIG_INVALID: sops does not open secrets.yaml")
    expect(failed.stderr).not.toContain(value("one"))
    // More than a file may hold, and it would go on.
    standInForSops("exec yes")
    expect(await imported("secrets.yaml", sealed)).toMatchObject({ code: 2, stdout: "" })
    machine.env["PATH"] = join(machine.home, "nothing")
    expect((await imported("secrets.yaml", sealed)).stderr).toContain("COMMAND_NOT_FOUND")
    const piped = await machine.call(["import", "-", "-g", "shop", "--format", "yaml"], sealed)
    expect(piped.stderr).toContain("CONFIG_INVALID: what is on stdin was sealed by sops")
  })
})
