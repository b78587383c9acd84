import { randomBytes } from "node:crypto"
import { afterAll, afterEach, beforeAll, expect } from "vitest"
import type { Use } from "../../../src/core/index.js"
import { formsOf } from "../../../src/core/redactor/forms.js"
import {
  type BrokerOptions,
  BrokerWorld,
  type Reply,
  Service,
  brokeredWorld,
  refusalIn,
  setUse,
  useAt,
} from "../../broker/proxy/broker-world.js"
import type { World } from "../../core/world.js"

/** The secret that is sent to `service`, and the one that is sent to `elsewhere`. */
export const KEY = "stripe/api-key"
export const OTHER_KEY = "stripe/webhook"
export const VALUE = `test-only-${randomBytes(16).toString("hex")}`
export const OTHER_VALUE = `test-only-${randomBytes(16).toString("hex")}`

/** Two services, and a broker between them and whoever attacks. */
export class Stage {
  service!: Service
  elsewhere!: Service
  world!: World
  broker!: BrokerWorld
  #template!: World
  /** The template with another rule for {@link KEY}, by that rule. */
  readonly #ruled = new Map<string, World>()

  /** Sets a stage for the tests of a file. */
  static forTests(): Stage {
    const stage = new Stage()
    beforeAll(() => stage.#set())
    afterEach(() => stage.#clear())
    afterAll(() => {
      stage.service.close()
      stage.elsewhere.close()
      for (const world of [stage.#template, ...stage.#ruled.values()]) world.remove()
    })
    return stage
  }

  async start(options: BrokerOptions = {}, use?: Partial<Use>): Promise<void> {
    this.world = (await this.#templateBy(use)).copy()
    const { world, service, elsewhere } = this
    this.broker = await BrokerWorld.start(world, [KEY, OTHER_KEY], [service, elsewhere], options)
  }

  /** A request with the placeholder as most clients send it. */
  head({ line = "GET /v1/charges HTTP/1.1", host = this.service.authority, more = "" } = {}) {
    return `${line}\r\nHost: ${host}\r\nAuthorization: Bearer ${this.broker.of(KEY)}${more}`
  }

  send(changes: { line?: string; more?: string } = {}, body = ""): Promise<Reply> {
    const length = body === "" ? "" : `\r\nContent-Length: ${body.length}`
    const more = `${changes.more ?? ""}${length}`
    return this.broker.send(this.service, this.head({ ...changes, more }), body)
  }

  /** Gives the secret another value, by the rule that it is to have. */
  setValue(value: string, use: Partial<Use>): Promise<void> {
    return setUse(this.world, KEY, [useAt(this.service, use)], value)
  }

  /** A refusal's status and code, and how many requests the services got. */
  told(reply: Reply): [number, string, number] {
    return [
      reply.status,
      refusalIn(reply).code,
      this.service.got.length + this.elsewhere.got.length,
    ]
  }

  async #set(): Promise<void> {
    this.service = await Service.start("api.pay.test")
    this.elsewhere = await Service.start("other.pay.test")
    this.#template = await brokeredWorld({
      [KEY]: { value: VALUE, use: [useAt(this.service)] },
      [OTHER_KEY]: { value: OTHER_VALUE, use: [useAt(this.elsewhere)] },
    })
  }

  async #templateBy(use?: Partial<Use>): Promise<World> {
    if (use === undefined) return this.#template
    const rule = JSON.stringify(use)
    const made = this.#ruled.get(rule)
    if (made !== undefined) return made
    const world = this.#template.copy()
    this.#ruled.set(rule, world)
    await setUse(world, KEY, [useAt(this.service, use)], VALUE)
    return world
  }

  #clear(): void {
    this.broker.close()
    this.world.remove()
    for (const each of [this.service, this.elsewhere]) {
      each.got.length = 0
      each.isStreaming = false
      each.handler = (_request, response) => response.end("ok")
    }
  }
}

/** Fails if bytes hold one of the values, in any form that the redactor knows. */
export function expectNone(bytes: Uint8Array | string, ...values: readonly string[]): void {
  const text = Buffer.from(bytes)
  for (const value of values.length === 0 ? [VALUE, OTHER_VALUE] : values) {
    const held = formsOf(Buffer.from(value)).filter((form) => text.includes(form.bytes))
    expect(held.map(({ bytes: form }) => Buffer.from(form).toString("latin1"))).toEqual([])
  }
}
