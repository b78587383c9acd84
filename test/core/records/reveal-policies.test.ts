import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { REVEAL_POLICIES } from "../../../src/core/words/reveal-policy.js"

test("the schema of a secret's record allows the reveal policies that the table has", () => {
  const url = new URL("../../../src/core/records/schemas/secret.schema.json", import.meta.url)
  const { properties } = JSON.parse(readFileSync(url, "utf8")) as {
    properties: { reveal: { enum: string[] } }
  }
  expect(properties.reveal.enum).toEqual(REVEAL_POLICIES)
})
