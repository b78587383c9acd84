import { expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { expand, Generator } from "./template.js"

// What is found of values apart from their names is each value, whole, and nothing beside it.

const generator = new Generator(14)
const key = (): string => expand("{base62:32}", generator)
const password = (): string => `Zq7${expand("{base62:12}", generator)}`

function foundIn(text: string): string[] {
  return findCredentials(text).map(({ start, end }) => text.slice(start, end))
}

test("every row of a table, also behind one that does not fit", () => {
  const [one, two, three] = [password(), password(), password()]
  const rows = [`1,"a, ""b""",${one}`, "# more", `2,"c\nd, e","${two}"`, `3,,${three}`]
  expect(foundIn(`id,note,password\n${rows.join("\n")}\n`)).toEqual([one, two, three])
  expect(foundIn(`\uFEFFid;"note";"password"\r\n1;"a;b";"${one}"\r\n`)).toEqual([one])
  expect(foundIn(`id,note,password\na line\nof prose,\nis no row\n1,a,${one}\n`)).toEqual([])
})

test("a quote in a cell is written twice, and belongs to the value", () => {
  const written = ["Kd8", "3h$Q", "F;k2,l1Z"].join('""')
  expect(foundIn(`user,password,role\nann,"${written}",admin\n`)).toEqual([written])
})

test("every item of a list, and none of the next list", () => {
  const [one, two, three] = [key(), key(), key()]
  const yaml = `a:\n  api_keys:\n  - ${one}\n  # old\n\n  - name: b\n    key: '${two}'\n  - {name: c, key: ${three}}\n  names:\n  - ${key()}\n`
  expect(foundIn(yaml)).toEqual([one, two, three])
  const json = { api_keys: [one, { name: "b", key: two }, three], ids: [key(), { key: "b" }] }
  expect(foundIn(JSON.stringify(json))).toEqual([one, two, three])
  expect(foundIn(JSON.stringify(json, null, 2))).toEqual([one, two, three])
})

test("every login of chpasswd", () => {
  const [one, two] = [password(), password()]
  const list = `root:${one}\n    ann:RANDOM\n    bob:${two}`
  expect(foundIn(`chpasswd:\n  list: |\n    ${list}\nruncmd:\n  - a:${key()}\n`)).toEqual([
    one,
    two,
  ])
  expect(foundIn(`{"chpasswd": {"list": ["root:${one}", "bob:${two}"]}}`)).toEqual([one, two])
})

test("every login that a shell gives to chpasswd, and nothing behind it", () => {
  const [one, two] = [password(), password()]
  const lines = `root:${one}\nann:$ANN\nbob:${two}\n`
  for (const command of [
    "chpasswd <<EOF",
    "cat <<'EOF' | sudo chpasswd",
    "chpasswd -c SHA512 << EOF",
  ]) {
    expect(foundIn(`${command}\n${lines}EOF\nann:${key()}\n`), command).toEqual([one, two])
  }
  expect(foundIn(`chpasswd <<-END\r\n\troot:${one}\r\n\tEND\r\nann:${key()}\n`)).toEqual([one])
  expect(foundIn(`chpasswd <<<"root:${one}"\nann:${two}\n`)).toEqual([one])
})

test("what only looks like the key of a cache, or the token of a form", () => {
  for (const text of [
    `key: v1-acme-${expand("{hex:40}", generator)}`,
    `key: v1-${expand("{hex:40}", generator)}`,
    `self._token = "${key()}"`,
    `<input name="token" value="${key()}">`,
    `<input name="api_token" value="${key()}"><input name="_token">`,
  ]) {
    expect(foundIn(text), text).toHaveLength(1)
  }
})

test("the text of an element, as it is written", () => {
  const written = ["Kd83", "sQ!8Fk2l1Z"].join("&amp;")
  const shown = `<string name="db_password" translatable="false">\n  "${written}"\n</string>`
  expect(foundIn(shown)).toEqual([written])
  expect(foundIn(`<string name="api_key" tools:ignore="a"/>${key()}`)).toEqual([])
})

test("a hash that is a credential is found by its name and its form", () => {
  const hash = expand("{hex:32}", generator)
  expect(findCredentials(`MY_TELEGRAM_API_HASH=${hash}`)).toMatchObject([
    { rule: "telegram-api-hash" },
  ])
  expect(foundIn(`api_schema_hash=${hash}`)).toEqual([])
})
