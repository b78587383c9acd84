import { describe, expect, test } from "vitest"
import { modelHostTest, modelHosts } from "../../../src/core/services/model-hosts.js"
import { listServices } from "../../../src/core/services/services.js"

const isModelHost = modelHostTest()

describe("a host of models", () => {
  test.each([
    "api.openai.com",
    "api.anthropic.com",
    "generativelanguage.googleapis.com",
    "acme.openai.azure.com",
    "bedrock-runtime.eu-central-1.amazonaws.com",
    "europe-west4-aiplatform.googleapis.com",
    "openrouter.ai",
  ])("is %s", (host) => {
    expect(isModelHost(host)).toBe(true)
  })

  test.each([
    "api.openai.com.example.org",
    "api-openai.com",
    "apiXopenai.com",
    "openai.azure.com",
    "a.b.openai.azure.com",
    "s3.eu-central-1.amazonaws.com",
    "api.stripe.com",
    "",
  ])("is not %s", (host) => {
    expect(isModelHost(host)).toBe(false)
  })

  test("is each one of a service that is marked so, and of no other", () => {
    for (const { models, use } of listServices()) {
      expect(use.hosts.every((host) => isModelHost(host))).toBe(models === true)
    }
  })

  test("is written as the gate gets it, once, without a port", () => {
    const hosts = modelHosts()
    expect(hosts.filter((host) => !/^[a-z0-9*.-]+\.[a-z]+$/.test(host))).toEqual([])
    expect(hosts).toEqual([...new Set(hosts)].toSorted())
  })
})
