import { describe, expect, test } from "vitest"
import { Sieve, sieveOfReply } from "../../../src/broker/live/sieve.js"
import { MARKER, NAME, VALUE, all, liveValues, pieces } from "../bodies.js"

describe("the values of a run", () => {
  test("are compiled once, and anew when something is learned", () => {
    const live = liveValues()
    const before = live.all()
    live.learn(NAME, Buffer.from(VALUE))
    expect(live.all()).toBe(before)
    live.learn(NAME, Buffer.from("fake_after_rotate_01"))
    expect(live.all()).not.toBe(before)
  })

  test("of before and after a rotate are both found", () => {
    const live = liveValues()
    live.learn(NAME, Buffer.from("fake_after_rotate_01"))
    const sieve = new Sieve(() => live.all())
    expect(sieve.text(`${VALUE} fake_after_rotate_01`)).toBe(`${MARKER} ${MARKER}`)
  })

  test("are the broker's own copy", () => {
    const live = liveValues({})
    const value = Buffer.from(VALUE)
    live.learn(NAME, value)
    value.fill(0)
    expect(new Sieve(() => live.all()).text(VALUE)).toBe(MARKER)
  })

  test("stay, however many texts a program has them put into", () => {
    const live = liveValues()
    for (let n = 0; n < 100; n += 1) live.learnPut(NAME, Buffer.from(basicOf(n)))
    const sieve = new Sieve(() => live.all())
    expect(sieve.text(`${VALUE} ${basicOf(99)}`)).toBe(`${MARKER} ${MARKER}`)
    // Of an older one, what the value says in it.
    expect(sieve.text(basicOf(0))).toContain(MARKER)
  })

  test("are not found any more once they are forgotten", () => {
    const live = liveValues()
    live.forget()
    expect(new Sieve(() => live.all()).text(VALUE)).toBe(VALUE)
  })

  test("are found in the texts of a head as in each alone, wherever they begin and end", () => {
    const half = VALUE.length / 2
    const heads = [
      ["a", "b"],
      ["", VALUE, ""],
      [VALUE.slice(0, half), VALUE.slice(half)],
      [`x${VALUE}`, VALUE.slice(0, -1), `${VALUE}\n${VALUE}y`],
      [VALUE.slice(0, half), VALUE, VALUE.slice(half)],
      [Buffer.from(`user:${VALUE}`).toString("base64"), encodeURIComponent(VALUE)],
    ]
    for (const head of heads) {
      const together = new Sieve(() => liveValues().all())
      const alone = new Sieve(() => liveValues().all())
      const clean = head.map((text) => alone.head([text]).join())
      expect(together.head(head)).toEqual(clean)
      expect(together.found).toEqual(alone.found)
      expect(clean.join().includes(VALUE)).toBe(false)
    }
  })

  test("may be bytes that are no text, or blank", () => {
    const bytes = Buffer.from("ff00fe01fd02fc03fb04", "hex")
    const live = liveValues({ bytes, blank: " \n", empty: "" })
    const sieve = new Sieve(() => live.all())
    expect(sieve.text(bytes.toString("base64"))).toBe("[REDACTED bytes]")
    expect(sieve.text(" \n \n")).toBe(" \n \n")
  })
})

describe("what is learned while a stream goes on", () => {
  test("does not let go of what was held back: a value that is cut by it is found", async () => {
    const live = liveValues()
    const source = async function* (): AsyncGenerator<Buffer> {
      yield await Promise.resolve(Buffer.from(`a ${VALUE.slice(0, 10)}`))
      live.learn("new", Buffer.from("fake_new_0123456789"))
      yield Buffer.from(`${VALUE.slice(10)} b`)
      yield Buffer.from(" fake_new_0123456789")
    }
    const sieve = new Sieve(() => live.all())
    expect((await all(sieve.stream(source()))).toString()).toBe(`a ${MARKER} b [REDACTED new]`)
    expect([...sieve.found]).toEqual([NAME, "new"])
  })

  test("does not let out the rest of a value of over 64 KiB", async () => {
    const long = Array.from({ length: 12_000 }, (_, n) => `fake-${n * 7}-`).join("")
    const live = liveValues({ long })
    const source = async function* (): AsyncGenerator<Buffer> {
      yield await Promise.resolve(Buffer.from(long.slice(0, 80_000)))
      live.learn("new", Buffer.from("fake_new_0123456789"))
      yield Buffer.from(`${long.slice(80_000)} end`)
    }
    const sieve = new Sieve(() => live.all())
    expect((await all(sieve.stream(source()))).toString()).toBe("[REDACTED long] end")
  })
})

test("a stream whose piece may not leave gives nothing of it", async () => {
  const live = liveValues()
  const sieve = new Sieve(() => live.all())
  const left: string[] = []
  const sending = async (): Promise<void> => {
    const pieceOf = sieve.stream(pieces("before ", `${VALUE} after`), () => {
      if (sieve.found.size > 0) throw new Error("stop")
    })
    for await (const piece of pieceOf) left.push(Buffer.from(piece).toString())
  }
  await expect(sending()).rejects.toThrow("stop")
  expect(left).toEqual(["before "])
})

function basicOf(user: number): string {
  return Buffer.from(`user-${user}:${VALUE}`).toString("base64")
}

describe("what was made for one request", () => {
  const MADE = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
  const SIGNED = { name: "stripe/aws", value: Buffer.from(MADE) }

  test("is taken out of its reply with the values, however the reply is cut", async () => {
    const body = Buffer.from(`<a>${MADE}</a>${VALUE}${MADE}`)
    const clean = `<a>[REDACTED stripe/aws]</a>${MARKER}[REDACTED stripe/aws]`
    for (let at = 0; at <= body.length; at += 1) {
      const sieve = sieveOfReply(liveValues(), [SIGNED])
      const parts = pieces(body.subarray(0, at), body.subarray(at))
      expect((await all(sieve.stream(parts))).toString()).toBe(clean)
      expect([...sieve.found].toSorted()).toEqual([NAME, "stripe/aws"])
    }
    expect(sieveOfReply(liveValues(), [SIGNED]).head([`x=${MADE}`, VALUE])).toEqual([
      "x=[REDACTED stripe/aws]",
      MARKER,
    ])
  })

  test("has no value compiled anew, and is in no other reply", () => {
    const live = liveValues()
    const before = live.all()
    expect(sieveOfReply(live, [SIGNED]).text(MADE)).not.toContain(MADE)
    expect(live.all()).toBe(before)
    expect(sieveOfReply(live).text(MADE)).toBe(MADE)
  })
})
