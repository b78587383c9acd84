import { Ajv2020 } from "ajv/dist/2020.js"
import { describe, expect, test } from "vitest"
import catalogue from "../../../src/core/services/catalogue.json" with { type: "json" }
import schema from "../../../src/core/services/catalogue.schema.json" with { type: "json" }
import {
  type Service,
  fillIn,
  findService,
  listServices,
  serviceNamed,
} from "../../../src/core/services/services.js"
import { GENERAL_SHAPE, bitsOf, parseShape } from "../../../src/core/services/shape.js"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { Generator, expand } from "../../precommit/detect/template.js"
import { mistakesOf } from "./entry.js"

const services = listServices()

describe("the catalogue", () => {
  test("is as its schema says", () => {
    const validate = new Ajv2020({ strict: true }).compile(schema)
    expect(validate(catalogue), JSON.stringify(validate.errors)).toBe(true)
  })

  test("names each service once", () => {
    const names = services.map(({ name }) => name)
    expect(names).toEqual([...new Set(names)])
  })

  test.each(services.map((service) => ({ name: service.name, service })))(
    "$name shows a request that its rule allows",
    ({ service }) => {
      expect(mistakesOf(service)).toEqual([])
    },
  )

  // The rules of the guard were written from the providers' pages, and apart from this list.
  test.each(services)(
    "$name has keys that the guard takes for keys",
    ({ variables, placeholder }) => {
      const key = expand(placeholder, new Generator(7))
      const [found, ...more] = findCredentials(`${variables[0]}=${key}\n`)
      expect(more).toEqual([])
      expect([found?.start, found?.end]).toEqual([
        `${variables[0]}=`.length,
        `${variables[0]}=${key}`.length,
      ])
    },
  )
})

describe("an entry is caught that", () => {
  const good = serviceNamed("openai")
  test.each<[string, Partial<Service>]>([
    [
      "shows another host",
      { example: ["GET https://api.example.com/v1/models", "authorization: Bearer {key}"] },
    ],
    [
      "shows another path",
      { example: ["GET https://api.openai.com/v2", "authorization: Bearer {key}"] },
    ],
    [
      "shows another method",
      { example: ["PUT https://api.openai.com/v1/models", "authorization: Bearer {key}"] },
    ],
    [
      "shows another place",
      { example: ["GET https://api.openai.com/v1/models", "x-api-key: {key}"] },
    ],
    [
      "shows another scheme",
      { example: ["GET https://api.openai.com/v1/models", "authorization: {key}"] },
    ],
    ["shows no key", { example: ["GET https://api.openai.com/v1/models"] }],
    ["has a key that is too short", { placeholder: "sk-{hex:26}" }],
    [
      "has a blank that nothing explains",
      { use: { ...good.use, hosts: ["{org}.openai.com", "api.openai.com"] } },
    ],
    ["explains a blank that it has not", { needs: { org: "the organization" } }],
  ])("%s", (_, change) => {
    expect(mistakesOf({ ...good, ...change })).not.toEqual([])
  })

  const validate = new Ajv2020({ strict: true }).compile(schema)
  const schemaTakes = (change: object): boolean =>
    validate({ services: [...catalogue.services, { ...good, ...change }] })
  test.each([
    ["has a wildcard over two labels", { use: { ...good.use, hosts: ["*.*.openai.com"] } }],
    ["is for a whole top-level domain", { use: { ...good.use, hosts: ["com"] } }],
    ["allows CONNECT", { use: { ...good.use, methods: ["CONNECT"] } }],
    ["names a header in upper case", { use: { ...good.use, at: ["header:Authorization"] } }],
    ["has a path without its slash", { use: { ...good.use, paths: ["v1/**"] } }],
    ["has a page without TLS", { docs: "http://openai.com/docs" }],
    ["has an alphabet of its own", { placeholder: "sk-{octal:40}" }],
    ["says more than there is", { price: "high" }],
  ])("%s", (_, change) => {
    expect(schemaTakes({})).toBe(true)
    expect(schemaTakes(change)).toBe(false)
  })
})

describe("a service", () => {
  test("is found by its name, and only by that", () => {
    expect(findService("github")?.use.hosts).toContain("api.github.com")
    expect(findService("GitHub")).toBeUndefined()
  })

  test("that is not there is an error with what is near", () => {
    expect(() => serviceNamed("gihtub")).toThrow(
      expect.objectContaining({
        code: "SERVICE_NOT_FOUND",
        hint: "did you mean github? agent-vault services",
      }),
    )
    expect(() => serviceNamed("q")).toThrow(
      expect.objectContaining({ hint: "agent-vault services" }),
    )
  })

  test("has its blanks filled in by the owner, and none left", () => {
    const shopify = serviceNamed("shopify")
    expect(() => fillIn(shopify, {})).toThrow(
      expect.objectContaining({
        code: "USAGE",
        message:
          "shopify needs --host: the shop's name, the first word of its address at myshopify.com",
      }),
    )
    expect(fillIn(shopify, { hosts: ["acme.myshopify.com"] })).toEqual({
      ...shopify.use,
      hosts: ["acme.myshopify.com"],
    })
    const twilio = serviceNamed("twilio")
    expect(() => fillIn(twilio, {})).toThrow(/^twilio needs --user: the account's SID/)
    expect(fillIn(twilio, { user: "AC123" }).user).toBe("AC123")
    expect(fillIn(serviceNamed("openai"), {})).toEqual(serviceNamed("openai").use)
  })
})

describe("a shape", () => {
  test("is texts that stay, and symbols", () => {
    const { parts } = parseShape("sk-{digits:3}-{hex:2}AA")
    const digits = "0123456789"
    expect(parts).toEqual([
      "sk-",
      { alphabet: digits, count: 3 },
      "-",
      { alphabet: `${digits}abcdef`, count: 2 },
      "AA",
    ])
    expect(bitsOf({ parts })).toBeCloseTo(3 * Math.log2(10) + 8)
    expect(bitsOf(parseShape(GENERAL_SHAPE))).toBeGreaterThan(200)
  })

  test.each(["{octal:3}", "sk-{hex}", "{hex:3", "{constructor:3}"])("is not %s", (template) => {
    expect(() => parseShape(template)).toThrow(TypeError)
  })
})
