import { posix } from "node:path"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  agentRecordPath,
  classify,
  escrowPath,
  groupKeyPath,
  groupPastPath,
  groupRecordPath,
  secretPath,
  secretRecordPath,
} from "../../../src/core/words/layout.js"
import {
  foldedCollision,
  nearest,
  ownerNameFrom,
  parseAgentName,
  parseGroupName,
  parseOwnerName,
  parseSecretName,
  parseVariableName,
} from "../../../src/core/words/names.js"

const invalid = expect.objectContaining({ code: "NAME_INVALID" }) as object

/** Names as people and attackers write them: mostly good letters, and what hides in a path. */
const hiding = [
  ...Array.from("aAbB01._-/"),
  "..",
  ".json",
  ".age",
  ".past",
  ".past.age",
  "con",
  "NUL",
  "com1",
  "x".repeat(63),
  ...Array.from("\\: \0\n\u0130é\u202e$"),
  "%2e",
  "~1",
]
const piece = fc.constantFrom(...hiding)
const name = fc.oneof(
  { weight: 4, arbitrary: fc.array(piece, { maxLength: 8 }).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
)
const secretLike = fc.array(name, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"))

function accepts(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text)
    return true
  } catch (error) {
    expect(error).toEqual(invalid)
    return false
  }
}

/** Every file that a thing of this name has, if the name is accepted. */
function filesOf(text: string): string[] {
  const files: string[] = []
  if (accepts(parseAgentName, text)) files.push(agentRecordPath(text), escrowPath(text))
  if (accepts(parseGroupName, text)) {
    files.push(groupRecordPath(text), groupKeyPath(text), groupPastPath(text))
  }
  if (accepts(parseSecretName, text)) {
    const secret = parseSecretName(text)
    files.push(secretRecordPath(secret), secretPath(secret))
  }
  return files
}

describe("an accepted name", () => {
  test("stays in its folder, on every system", () => {
    fc.assert(
      fc.property(fc.oneof(name, secretLike), (text) => {
        for (const file of filesOf(text)) {
          expect(file).toMatch(/^(?:agents|groups|secrets)\/[\x21-\x7e]+\.(?:json|age)$/)
          expect(posix.normalize(file)).toBe(file)
          expect(file).not.toMatch(/[\\:*?"<>|]/)
          for (const part of file.split("/")) {
            expect(part).toMatch(/^[A-Za-z0-9]/)
            expect(part).not.toMatch(/[. ]$/)
            expect(part).not.toMatch(/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i)
            expect(part.length).toBeLessThanOrEqual(64 + ".past.age".length)
          }
        }
      }),
      { numRuns: 2000 },
    )
  })

  test("is told back from each of its files", () => {
    fc.assert(
      fc.property(fc.oneof(name, secretLike), (text) => {
        for (const file of filesOf(text)) {
          const found = classify(file)
          const back =
            "agent" in found
              ? found.agent
              : "group" in found
                ? found.group
                : "secret" in found && found.secret.full
          expect(back).toBe(text)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test("shares no file, and stands in no other's way, unless foldedCollision says so", () => {
    const few = fc.array(fc.constantFrom("a", "A", "b", "/", ".json", ".age", ".past", "-"), {
      minLength: 1,
      maxLength: 7,
    })
    const short = few.map((parts) => parts.join(""))
    fc.assert(
      fc.property(short, short, (a, b) => {
        fc.pre(a !== b && foldedCollision(a, [b]) === undefined)
        for (const one of filesOf(a)) {
          for (const two of filesOf(b)) {
            const [x, y] = [one.toLowerCase(), two.toLowerCase()]
            expect(x).not.toBe(y)
            // A file where the other needs a folder.
            expect(`${x}/`.startsWith(`${y}/`) || `${y}/`.startsWith(`${x}/`)).toBe(false)
          }
        }
      }),
      { numRuns: 5000 },
    )
  })
})

describe("a name", () => {
  test.each(["a", "A1", "0", "a.b", "a-b_c.d", "x".repeat(64), "past", "con1", "json.age"])(
    "of an agent, an owner or a group may be %s",
    (text) => {
      for (const parse of [parseAgentName, parseOwnerName, parseGroupName]) {
        expect(parse(text)).toBe(text)
      }
    },
  )

  const bad = ["", ".", "..", ".a", "-a", "_a", "a.", "a\\b", "a b", "a\n", "\na", "a\0"]
  const foreign = ["x".repeat(65), "é", "ａ", "con", "CON.txt", "nul.", "Com9", "lpt0.x", "aux"]
  test.each([...bad, ...foreign])("may not be %j", (text) => {
    for (const parse of [parseAgentName, parseOwnerName, parseGroupName]) {
      expect(() => parse(text)).toThrow(invalid)
    }
    expect(() => parseSecretName(`stripe/${text}`)).toThrow(invalid)
  })

  test("of an agent, an owner or a group is one part", () => {
    for (const parse of [parseAgentName, parseOwnerName, parseGroupName]) {
      expect(() => parse("a/b")).toThrow(invalid)
    }
  })

  test("of a group may not look like its past keys", () => {
    for (const text of ["stripe.past", "stripe.PAST"]) {
      expect(() => parseGroupName(text)).toThrow(invalid)
      expect(() => parseSecretName(`${text}/key`)).toThrow(invalid)
      expect(parseAgentName(text)).toBe(text)
    }
    expect(classify("groups/stripe.past.json")).toEqual({ is: "stray" })
    expect(classify("groups/stripe.past.age")).toEqual({ is: "group-past", group: "stripe" })
  })

  test("of a secret has a group and one to four parts", () => {
    expect(parseSecretName("g/a")).toEqual({ full: "g/a", group: "g" })
    expect(parseSecretName("g/a/b/c/d").group).toBe("g")
    for (const text of ["g", "g/", "/a", "g//a", "g/a/", "g/a/b/c/d/e", "", "/"]) {
      expect(() => parseSecretName(text)).toThrow(invalid)
    }
  })

  test("of a secret's folder may not look like a secret's file", () => {
    for (const text of ["g/a.json/b", "g/a.AGE/b", "g/a/b.Json/c"]) {
      expect(() => parseSecretName(text)).toThrow(invalid)
    }
    expect(parseSecretName("g/b/a.json").full).toBe("g/b/a.json")
  })

  test("that is refused is quoted, and cut", () => {
    const long = `\u001b[31m${"x".repeat(500)}`
    const message = expect.stringMatching(/^"\\u001b\[31mx{70,80}…"/) as string
    expect(() => parseAgentName(long)).toThrow(expect.objectContaining({ message }) as object)
  })
})

test("a variable's name is one that every shell takes", () => {
  expect(parseVariableName("_A1")).toBe("_A1")
  for (const text of ["", "1A", "A-B", "A=B", "A B", "Ä", "A\n", "A".repeat(129)]) {
    expect(() => parseVariableName(text)).toThrow(invalid)
  }
})

describe("a collision under case folding", () => {
  test.each([
    ["ci", ["CI"], "CI"],
    ["ci", ["ci", "deploy"], undefined],
    ["a/B/c", ["a/b/d"], "a/b/d"],
    ["a/b", ["A/b"], "A/b"],
    ["a/b", ["a/b/c"], undefined],
    ["a/b/C", ["a/x/c"], undefined],
    ["a/b", [], undefined],
  ])("of %s with %j is %s", (text, taken, expected) => {
    expect(foldedCollision(text, taken)).toBe(expected)
  })

  test("is mutual", () => {
    const short = fc.array(fc.constantFrom("a", "A", "b", "B", "/"), { maxLength: 6 })
    const text = short.map((parts) => parts.join(""))
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [one, two] = [foldedCollision(a, [b]), foldedCollision(b, [a])]
        expect(one === undefined).toBe(two === undefined)
        expect(foldedCollision(a, [a])).toBeUndefined()
      }),
    )
  })
})

test.each([
  ["strpe", ["stripe", "web"], "stripe"],
  ["stirpe", ["stripe"], "stripe"],
  ["STRIPE", ["stripe"], "stripe"],
  ["zebra", ["stripe", "web"], undefined],
  ["", [], undefined],
])("the nearest to %j of %j is %s", (text, candidates, expected) => {
  expect(nearest(text, candidates)).toBe(expected)
})

describe("a person's name elsewhere, as an owner's", () => {
  test.each([
    ["alice", "alice"],
    ["Zoë Ann Smith", "Zoe-Ann-Smith"],
    ["  O\u2019Neil, Jr. ", "ONeil-Jr"],
    ["..-admin", "admin"],
    ["DOMAIN\\bob", "DOMAIN-bob"],
    ["x".repeat(80), "x".repeat(64)],
  ])("%j becomes %j", (text, made) => {
    expect(ownerNameFrom(text)).toBe(made)
  })

  test.each(["", " ", "李雷", "Ørsted", "\u202e", "con", "--"])("%j makes none", (text) => {
    expect(ownerNameFrom(text)).toBeUndefined()
  })

  test("whatever the text, what comes of it is a name", () => {
    expect(ownerNameFrom("a".repeat(63) + " .b")).toBe("a".repeat(63))
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom(...hiding)), (text) => {
        const made = ownerNameFrom(text)
        expect(made === undefined || parseOwnerName(made) === made).toBe(true)
      }),
    )
  })
})
