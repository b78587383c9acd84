import { copyFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { Machine } from "../cli/machine.js"
import { testWithStockAge } from "../stock-age.js"
import { openedBy } from "./opened.js"
import { Town, auditFile, keyFile } from "./town.js"

/**
 * A day of a team: the owners alice and bob, dora who writes code and has no key, and five agents,
 * each on a machine with nothing but a clone, over a bare remote. Everybody types the built command.
 * The steps follow one another: one that goes wrong ends the day.
 */

/** The value that each secret has now. All are made up. */
const now: Record<string, string> = {
  "stripe/api-key": "a-made-up-key",
  "stripe/webhook": "a-made-up-hook",
  "db/password": "a-made-up-password",
  "mail/smtp": "a-made-up-smtp-login",
}

let town: Town
/** Owners' machines. */
let alice: Machine
let bob: Machine
/** A developer's; she holds no key. */
let dora: Machine
/** Agents' machines. `helper` and `deploy` run on alice's. */
let ci: Machine
let builder: Machine
let scout: Machine
/** Who owns the vault now. */
let owners: () => readonly Machine[] = () => [alice]
/** By which everybody knows alice. */
let signer: string

beforeAll(() => {
  town = new Town()
})
afterAll(() => town.remove())

let wrong: string | undefined

/** A step of the day. What comes after one that went wrong is skipped. */
function step(name: string, body: () => Promise<void>): void {
  test(name, async ({ skip }) => {
    skip(wrong !== undefined, `after: ${wrong}`)
    wrong = name
    await body()
    wrong = undefined
  })
}

step("the evening before: alice makes the vault, and lets two agents in", async () => {
  alice = town.machine()
  await town.yesterday(
    alice,
    `set -e
    agent-vault init --name alice
    ${Object.entries(now)
      .map(([name, value]) => `printf %s ${value} | agent-vault set ${name}`)
      .join("\n")}
    agent-vault agent add ci --out "${town.carried}/ci.key"
    agent-vault agent add helper
    agent-vault grant ci stripe
    agent-vault grant helper db
    agent-vault sync --remote origin
    git branch --quiet --set-upstream-to=origin/main`,
  )
  const trust = await town.json(alice, "agent-vault trust --json")
  signer = String(trust["pin"])
})

step("the evening before: deploy gets stripe for twelve hours, and ships", async () => {
  await town.yesterday(
    alice,
    "agent-vault agent add deploy && agent-vault grant deploy stripe --for 12h",
  )
  const shipped = await town.yesterday(alice, "agent-vault get stripe/api-key --agent deploy")
  expect(shipped.stdout).toBe(now["stripe/api-key"])
  await town.yesterday(alice, "agent-vault sync")
})

step("ci's key comes to its machine on a stick", async () => {
  ci = town.machine()
  await town.at(ci, `agent-vault key add "${town.carried}/ci.key" && rm "${town.carried}/ci.key"`)
  expect(await town.read(ci, "ci", "stripe/api-key")).toBe(now["stripe/api-key"])
})

step(
  "deploy's twelve hours are over: it is refused, and alice takes the group's key from it",
  async () => {
    expect(await town.refused(alice, "agent-vault get stripe/api-key --agent deploy", 4)).toContain(
      "GRANT_ENDED",
    )
    expect(await town.refused(alice, "agent-vault check", 1)).toContain("agent-vault check --fix")
    // It ends with 1, as the values that deploy could read are to be rotated.
    expect(await town.refused(alice, "agent-vault check --fix", 1)).toMatch(/EXPOSED {2}stripe/)
    await town.at(alice, "agent-vault sync")
    await town.at(ci, "agent-vault sync")
    expect(await town.read(ci, "ci", "stripe/api-key")).toBe(now["stripe/api-key"])
  },
)

step("bob becomes the second owner", async () => {
  bob = town.machine()
  const { line, fingerprint } = await town.join(bob, "bob --owner")
  await town.refused(alice, `agent-vault owner add bob --join '${line}' --fingerprint 0`, 2)
  await town.at(
    alice,
    `agent-vault owner add bob --join '${line}' --fingerprint ${fingerprint} && agent-vault sync`,
  )
  await town.at(bob, `git pull -q && agent-vault trust ${signer} --yes && agent-vault sync`)
  const listed = await town.json(bob, "agent-vault owner list --json")
  expect(listed).toMatchObject({ owners: [{ name: "alice" }, { name: "bob", isYou: true }] })
  owners = () => [alice, bob]
})

step("alice's key is split among bob, carol and dave, and they prove it", async () => {
  await town.at(
    alice,
    `agent-vault owner recovery split --threshold 2 --holder bob --holder carol --holder dave \
      --out-dir "${town.carried}/shares"`,
  )
  const drill = await town.at(bob, `agent-vault owner recovery drill "${town.carried}/shares"/*`)
  expect(drill.stdout).toContain("bob, carol, dave, any 2 of them")
})

step("builder and scout make their keys where they live, and bob lets them in", async () => {
  builder = town.machine()
  scout = town.machine()
  for (const [machine, name, groups] of [
    [builder, "builder", "db"],
    [scout, "scout", "mail stripe"],
  ] as const) {
    const { line } = await town.join(machine, name)
    await town.at(bob, `agent-vault agent add ${name} --join '${line}'`)
    await town.at(bob, `agent-vault grant ${name} ${groups}`)
  }
  await town.at(bob, "agent-vault sync")
  for (const machine of [builder, scout]) {
    await town.at(machine, `agent-vault trust ${signer} --yes && agent-vault sync`)
  }
  expect(await town.read(builder, "builder", "db/password")).toBe(now["db/password"])
  expect(await town.read(scout, "scout", "mail/smtp")).toBe(now["mail/smtp"])
})

step("ci's machine loses its key, and bob brings it back out of the escrow", async () => {
  rmSync(keyFile(ci, "ci"))
  await town.refused(ci, "agent-vault get stripe/api-key --agent ci", 3)
  const before = bob.git("rev-parse", "HEAD")
  await town.at(bob, `agent-vault agent recover ci --out "${town.carried}/ci.key"`)
  expect(bob.git("rev-parse", "HEAD")).toBe(before)
  await town.at(ci, `agent-vault key add "${town.carried}/ci.key" && rm "${town.carried}/ci.key"`)
  expect(await town.read(ci, "ci", "stripe/api-key")).toBe(now["stripe/api-key"])
})

step("dora asks in a pull request that builder may open mail", async () => {
  dora = town.machine()
  await town.at(
    dora,
    `set -e
    agent-vault trust ${signer} --yes
    git switch --quiet --create builder-mails
    printf '  - { agent: builder, group: mail, reason: release notes }\\n' >>.agent-vault/manifest.yaml
    git commit --quiet --all --message "builder sends the release notes"
    git push --quiet origin builder-mails`,
  )
  // As the pull request's job, in a clone without a key.
  const asked = await town.refused(dora, "agent-vault check --against origin/main", 1)
  expect(asked).toMatch(/PENDING[^]*builder/)
  expect(await town.refused(dora, "agent-vault apply --dry-run", 3)).toContain("KEY_NOT_FOUND")
})

step("bob applies it on the branch, and only that; it is merged", async () => {
  await town.at(
    bob,
    "agent-vault sync && git fetch -q && git switch -q builder-mails && git merge -q --no-edit main",
  )
  const { plan } = await town.json(bob, "agent-vault apply --dry-run --json")
  expect(plan).toMatchObject({ groups: [{ group: "mail", gains: [{ agent: "builder" }] }] })
  const { id } = plan as { readonly id: string }
  await town.at(bob, `agent-vault apply --yes --plan ${id} && git push -q origin builder-mails`)
  await town.at(dora, "git pull -q origin builder-mails")
  await town.at(
    bob,
    "git switch -q main && git merge -q --no-edit builder-mails && agent-vault sync",
  )
  await town.at(builder, "agent-vault sync")
  expect(await town.read(builder, "builder", "mail/smtp")).toBe(now["mail/smtp"])
})

step("alice and bob set one password at once, and bob takes hers", async () => {
  await town.at(
    alice,
    "agent-vault sync && printf %s alices-made-up-password | agent-vault set db/password && agent-vault sync",
  )
  await town.at(bob, "printf %s bobs-made-up-password | agent-vault set db/password")
  expect(await town.refused(bob, "agent-vault sync", 6)).toContain("both changed db/password")
  await bob.shell("git merge -q origin/main")
  expect(await town.refused(bob, "agent-vault resolve", 1)).toContain("db/password")
  await town.at(
    bob,
    "agent-vault resolve db/password --theirs && git commit -q --no-edit && agent-vault sync",
  )
  now["db/password"] = "alices-made-up-password"
  await town.at(builder, "agent-vault sync")
  expect(await town.read(builder, "builder", "db/password")).toBe(now["db/password"])
})

step(
  "somebody was on scout's machine: alice sees what its key opens, and what it used",
  async () => {
    copyFileSync(auditFile(scout, "scout"), join(town.carried, "scout.jsonl"))
    copyFileSync(keyFile(scout, "scout"), join(town.carried, "scout.stolen.key"))
    await town.at(alice, "agent-vault sync")
    const blast = await town.json(
      alice,
      `agent-vault blast scout "${town.carried}/scout.jsonl" --json`,
    )
    // What was used comes first.
    expect(blast["rotate"]).toEqual(["mail/smtp", "stripe/api-key", "stripe/webhook"])
    town.lose(scout)
  },
)

step("scout gets a new machine and a new key; the stolen one opens nothing new", async () => {
  scout = town.machine()
  await town.at(scout, `agent-vault trust ${signer} --yes`)
  const { line, fingerprint } = await town.join(scout, "scout")
  const rekey = `agent-vault agent rekey scout --join '${line}'`
  await town.refused(alice, `${rekey} --fingerprint 0`, 2)
  await town.at(alice, `${rekey} --fingerprint ${fingerprint} && agent-vault sync`)
  await town.at(scout, "agent-vault sync")
  expect(await town.read(scout, "scout", "mail/smtp")).toBe(now["mail/smtp"])
  const stolen = `--identity "${town.carried}/scout.stolen.key"`
  await town.refused(scout, `agent-vault get mail/smtp ${stolen}`, 4)
})

step("alice rotates all that was exposed, by the programs that the records name", async () => {
  putRoll(alice)
  await town.at(
    alice,
    `set -e
    for secret in stripe/api-key stripe/webhook db/password; do
      agent-vault rotation -s $secret -- roll
    done`,
  )
  const { secrets } = await town.json(alice, "agent-vault rotate --exposed --dry-run --json")
  const agreed = agreedTo(secrets)
  expect(await town.refused(alice, `agent-vault rotate --exposed ${agreed}`, 1)).toContain(
    "No program is named (1): mail/smtp",
  )
  for (const name of ["stripe/api-key", "stripe/webhook"]) now[name] = `rolled-${now[name]}`
  now["mail/smtp"] = "another-made-up-smtp-login"
  await town.at(
    alice,
    `printf %s ${now["mail/smtp"]} | agent-vault set mail/smtp && agent-vault sync`,
  )
  expect((await town.at(alice, "agent-vault list --exposed")).stdout).toBe("")
})

step("helper has run with a password: what it used is rotated, and nothing else", async () => {
  const ran = await town.at(
    alice,
    `agent-vault run --agent helper -g db -- sh -c 'echo "$DB_PASSWORD"'`,
  )
  expect(ran.stdout).not.toContain(now["db/password"])
  const { secrets } = await town.json(alice, "agent-vault rotate --used-since 1h --dry-run --json")
  expect(secrets).toMatchObject([{ name: "db/password" }])
  await town.at(
    alice,
    `agent-vault rotate --used-since 1h ${agreedTo(secrets)} && agent-vault sync`,
  )
  now["db/password"] = `rolled-${now["db/password"]}`
  await town.at(builder, "agent-vault sync")
  expect(await town.read(builder, "builder", "db/password")).toBe(now["db/password"])
})

step("coffee ends alice's machine: bob and carol bring her key back on a new one", async () => {
  copyFileSync(keyFile(alice, "deploy"), join(town.carried, "deploy.ended.key"))
  town.lose(alice)
  alice = town.machine()
  const shares = readdirSync(join(town.carried, "shares"))
    .filter((name) => /-(?:bob|carol)\.share$/.test(name))
    .map((name) => `"${town.carried}/shares/${name}"`)
  await town.refused(alice, `agent-vault owner recovery combine ${shares[0]}`, 4)
  await town.at(alice, `agent-vault owner recovery combine ${shares.join(" ")}`)
  await town.at(alice, "agent-vault check --owner && agent-vault agent recover helper")
  expect(await town.read(alice, "helper", "db/password")).toBe(now["db/password"])
})

step(
  "bob leaves: alice takes everything from him, and brings ci's new key to its machine",
  async () => {
    copyFileSync(keyFile(bob), join(town.carried, "bob.left.key"))
    town.lose(bob)
    const left = await town.json(alice, "agent-vault owner remove bob --json")
    expect(left).toMatchObject({ owner: "bob", agents: ["ci", "deploy", "helper"] })
    await town.at(alice, "agent-vault agent recover helper && agent-vault sync")
    await town.at(alice, `agent-vault agent recover ci --out "${town.carried}/ci.key"`)
    await town.at(ci, "agent-vault sync && agent-vault owner list")
    await town.refused(ci, "agent-vault get stripe/api-key --agent ci", 4)
    await town.at(ci, `agent-vault key add "${town.carried}/ci.key" && rm "${town.carried}/ci.key"`)
    expect(await town.read(ci, "ci", "stripe/api-key")).toBe(now["stripe/api-key"])
    owners = () => [alice]
  },
)

step("what bob could read is rotated", async () => {
  putRoll(alice)
  const { secrets } = await town.json(alice, "agent-vault rotate --exposed --dry-run --json")
  const told = await town.refused(alice, `agent-vault rotate --exposed ${agreedTo(secrets)}`, 1)
  expect(told).toContain("No program is named (1): mail/smtp")
  for (const name of ["stripe/api-key", "stripe/webhook", "db/password"]) {
    now[name] = `rolled-${now[name]}`
  }
  now["mail/smtp"] = "a-third-made-up-smtp-login"
  await town.at(
    alice,
    `printf %s ${now["mail/smtp"]} | agent-vault set mail/smtp && agent-vault sync`,
  )
  expect((await town.at(alice, "agent-vault list --exposed")).stdout).toBe("")
})

step("helper is not needed any more", async () => {
  copyFileSync(keyFile(alice, "helper"), join(town.carried, "helper.revoked.key"))
  await town.at(alice, "agent-vault revoke helper --all")
  await town.refused(alice, "agent-vault get db/password --agent helper", 4)
  now["db/password"] = "the-last-made-up-password"
  await town.at(alice, `printf %s ${now["db/password"]} | agent-vault set db/password`)
  await town.at(
    alice,
    "agent-vault agent remove helper && agent-vault agent remove deploy && agent-vault sync",
  )
})

step("the evening: everybody syncs, and check is clean everywhere", async () => {
  await town.at(dora, "git switch -q main")
  for (const machine of town.machines) {
    await town.at(machine, "agent-vault sync")
    const { stderr } = await town.at(machine, "agent-vault check && agent-vault check --history")
    expect(stderr.match(/: 0 findings\.$/gm)).toHaveLength(2)
    expect(machine.git("rev-parse", "HEAD")).toBe(alice.git("rev-parse", "HEAD"))
    expect(machine.git("status", "--porcelain")).toBe("")
  }
  for (const owner of owners()) await town.at(owner, "agent-vault check --owner --history")
})

testWithStockAge("stock age confirms who opens what", "classic", (tools) => {
  expect(wrong).toBeUndefined()
  const opens = (file: string) => openedBy(tools, alice.repo, file)
  for (const owner of owners()) expect(opens(keyFile(owner))).toEqual(now)
  expect(opens(keyFile(ci, "ci"))).toEqual(valuesOf("stripe"))
  expect(opens(keyFile(builder, "builder"))).toEqual(valuesOf("db", "mail"))
  expect(opens(keyFile(scout, "scout"))).toEqual(valuesOf("mail", "stripe"))
  for (const name of [
    "bob.left.key",
    "deploy.ended.key",
    "scout.stolen.key",
    "helper.revoked.key",
  ]) {
    expect(opens(join(town.carried, name)), name).toEqual({})
  }
  return Promise.resolve()
})

/** Puts a program onto a machine that rotates whatever it is given. */
function putRoll({ home }: Machine): void {
  writeFileSync(join(home, "bin", "roll"), "#!/bin/sh\nsed s/^/rolled-/\n", { mode: 0o755 })
}

/** What groups hold now. */
function valuesOf(...groups: string[]): Record<string, string> {
  const isOfThem = (name: string): boolean => groups.some((group) => name.startsWith(`${group}/`))
  return Object.fromEntries(Object.entries(now).filter(([name]) => isOfThem(name)))
}

/** The options that agree to the programs of secrets, as a dry run shows them. */
function agreedTo(secrets: unknown): string {
  return (secrets as { fingerprint?: string }[])
    .flatMap(({ fingerprint }) => (fingerprint === undefined ? [] : [`--agree ${fingerprint}`]))
    .join(" ")
}
