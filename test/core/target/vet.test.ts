import { describe, expect, test } from "vitest"
import { type Target, parseAuthority } from "../../../src/core/target/target.js"
import { type VettingTerms, ownAddresses, resolveAll, vet } from "../../../src/core/target/vet.js"

const PUBLIC = ["9.9.9.9", "2620:fe::9"]

/** Terms under which a name has these addresses, and the uses name these authorities. */
function terms(answers: readonly string[], ...named: readonly string[]): VettingTerms {
  return {
    resolve: async () => Promise.resolve(answers),
    isNamed: ({ host, port }: Target) => named.includes(`${host}:${port}`),
    ownAddresses: () => ["9.9.9.10", "2620:fe::10"],
  }
}

const notFound = async (): Promise<never> => Promise.reject(new Error("ENOTFOUND"))

const refused = expect.objectContaining({ code: "TARGET_REFUSED" }) as Error

describe("a name", () => {
  const target = parseAuthority("api.example.test:443")

  test("that is public is vetted with all its addresses, in their order", async () => {
    expect(await vet(target, terms(PUBLIC))).toEqual({ target, addresses: PUBLIC })
  })

  test.each([
    ["127.0.0.1", "loopback"],
    ["::1", "loopback"],
    ["10.1.2.3", "private"],
    ["fd12::1", "private"],
    ["100.64.1.1", "shared"],
    ["9.9.9.10", "of this machine"],
    ["2620:fe::10", "of this machine"],
    ["169.254.169.254", "metadata"],
    ["fe80::1%eth0", "zone"],
    ["::ffff:127.0.0.1", "IPv4 inside IPv6"],
    ["0.0.0.0", "unspecified"],
  ])("with one address %s among public ones is refused", async (address, why) => {
    for (const answers of [[address], [...PUBLIC, address], [address, ...PUBLIC]]) {
      await expect(vet(target, terms(answers))).rejects.toThrow(refused)
      await expect(vet(target, terms(answers))).rejects.toThrow(why)
    }
  })

  test.each(["127.0.0.1", "10.1.2.3", "fd12::1", "9.9.9.10"])(
    "with %s is dialled if a use names the host, at that port",
    async (address) => {
      const named = await vet(target, terms([address], "api.example.test:443"))
      expect(named.addresses).toEqual([address])
      for (const other of ["api.example.test:444", "example.test:443", `${address}:443`]) {
        await expect(vet(target, terms([address], other))).rejects.toThrow(refused)
      }
    },
  )

  test.each(["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fe80::1"])(
    "with the metadata or link-local address %s is refused though a use names it",
    async (address) => {
      const named = ["api.example.test:443", `${address}:443`, `[${address}]:443`]
      await expect(vet(target, terms([address], ...named))).rejects.toThrow(refused)
    },
  )

  test.each(["0.0.0.0", "::", "::ffff:127.0.0.1", "::7f00:1", "2002:7f00:1::", "224.0.0.1"])(
    "with %s is refused though a use names it",
    async (address) => {
      await expect(vet(target, terms([address], "api.example.test:443"))).rejects.toThrow(refused)
    },
  )

  test("without an address is unreachable", async () => {
    const unreachable = expect.objectContaining({ code: "UPSTREAM_UNREACHABLE" }) as Error
    await expect(vet(target, terms([]))).rejects.toThrow(unreachable)
    await expect(vet(target, { ...terms([]), resolve: notFound })).rejects.toThrow(unreachable)
  })

  test("is looked up once: what was vetted is what there is to dial", async () => {
    let asked = 0
    const rebinding = async (): Promise<string[]> => {
      asked += 1
      return Promise.resolve(asked === 1 ? ["9.9.9.9"] : ["127.0.0.1"])
    }
    const { addresses } = await vet(target, { ...terms([]), resolve: rebinding })
    expect({ addresses, asked }).toEqual({ addresses: ["9.9.9.9"], asked: 1 })
  })

  test("is refused without control characters that its answers hold", async () => {
    const answer = "\u001b[2J"
    await expect(vet(target, terms([answer]))).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(answer) as string }),
    )
  })
})

/** Terms under which no name has an address. */
const unresolved = (...named: string[]): VettingTerms => ({
  ...terms([], ...named),
  resolve: notFound,
})

describe("an address", () => {
  test.each([
    "127.0.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "１２７.0.0.1",
    "[::1]",
    "[0:0::0:1]",
  ])("of loopback is refused, and dialled if a use names it: %s", async (notation) => {
    const target = parseAuthority(`${notation}:8443`)
    await expect(vet(target, unresolved())).rejects.toThrow(refused)
    const { addresses } = await vet(target, unresolved(`${target.host}:8443`))
    expect(addresses).toEqual([notation.startsWith("[") ? "::1" : "127.0.0.1"])
  })

  test.each([
    "0",
    "0.0.0.0",
    "0x0",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:7f00:1]",
  ])("of this machine by another name is refused, even if a use names it: %s", async (notation) => {
    const target = parseAuthority(`${notation}:8443`)
    await expect(vet(target, unresolved(`${target.host}:8443`))).rejects.toThrow(refused)
  })

  test("of link-local is vetted if a use names that very address", async () => {
    const target = parseAuthority("[fe80::1]:443")
    await expect(vet(target, unresolved())).rejects.toThrow(refused)
    await expect(vet(target, unresolved("[fe80::1]:443"))).resolves.toMatchObject({
      addresses: ["fe80::1"],
    })
  })

  test("that is public is vetted as it is", async () => {
    const target = parseAuthority("9.9.9.9:443")
    expect(await vet(target, unresolved())).toEqual({ target, addresses: ["9.9.9.9"] })
  })
})

test("the system looks up a name with all its addresses, and knows those of the machine", async () => {
  const answers = await resolveAll("localhost")
  expect(answers.length).toBeGreaterThan(0)
  expect(["127.0.0.1", "::1"]).toEqual(expect.arrayContaining([...answers]))
  expect(ownAddresses()).toEqual(expect.arrayContaining(["127.0.0.1"]))
})
