import {
  LIMITS,
  type AgentVault,
  type SecretValue,
  VaultError,
  asVaultError,
} from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { type Method, type Params, ParamsError, type RpcError, serve } from "../../rpc/json-rpc.js"
import { OpenOnce } from "../../rpc/open-once.js"
import { say } from "../../terminal/terminal.js"
import { openForAgent } from "../../door/reading.js"

/** Raised when a client of today could misunderstand what is answered. */
const PROTOCOL = 1

/** The code of every error that is not the protocol's own. */
const FAILED = -32000

declare const AGENT_VAULT_VERSION: string

/** Serves an SDK in another language, until stdin ends. Each request gets its own errors. */
export async function run(door: Door): Promise<void> {
  const vault = new OpenOnce()
  if (door.terminal.stdin.isTTY) {
    say(
      door.terminal,
      "An SDK starts this and speaks JSON-RPC to it, a line a message. Ctrl-C ends it.",
    )
  }
  await serve({
    input: door.terminal.stdin,
    output: door.terminal.stdout,
    methods: methodsOver(() => vault.get(() => openForAgent(door, { surface: "bridge" }))),
    asError: (thrown, method) => asRpcError(door, thrown, method),
  })
  await vault.close()
}

function methodsOver(open: () => Promise<AgentVault>): ReadonlyMap<string, Method> {
  const methods: Readonly<Record<string, Method>> = {
    hello: async (params) => {
      take(params, {})
      const { id, agent = null } = await open()
      return { protocol: PROTOCOL, version: AGENT_VAULT_VERSION, vault: id, agent }
    },
    get: async (params) => {
      const { name } = take<{ name: string }>(params, { name: text })
      return encoded(await (await open()).get(name))
    },
    get_many: async (params) => {
      const { names } = take<{ names: string[] }>(params, { names: texts })
      const values = await (await open()).getMany(names)
      const byName = new Map(Object.values(values).map((value) => [value.name, encoded(value)]))
      const secrets = names.flatMap((name) => byName.get(name) ?? [])
      refuseTooMuch(secrets)
      return { secrets }
    },
    list: async (params) => {
      const { group } = take<{ group?: string }>(params, { group: textOrNone })
      return { secrets: await (await open()).list(group) }
    },
    has: async (params) => {
      const { name } = take<{ name: string }>(params, { name: text })
      return { has: await (await open()).has(name) }
    },
    access: async (params) => {
      take(params, {})
      return (await open()).access()
    },
  }
  return new Map(Object.entries(methods))
}

/** An answer is one line, and a line is one string. */
function refuseTooMuch(secrets: readonly Encoded[]): void {
  const total = secrets.reduce((sum, { value }) => sum + value.length, 0)
  if (total <= LIMITS.bridgeAnswer) return
  throw new VaultError("VALUE_TOO_LARGE", `${secrets.length} values are too much for one answer`, {
    hint: "ask for fewer of them at once",
  })
}

interface Encoded {
  readonly name: string
  readonly version: number
  /** Base64. */
  readonly value: string
}

function encoded(secret: SecretValue): Encoded {
  const bytes = secret.bytes()
  const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")
  bytes.fill(0)
  secret[Symbol.dispose]()
  return { name: secret.name, version: secret.version, value }
}

/** The params of a request, if they are just these. Throws {@link ParamsError}. */
function take<T extends object>(params: Params, guards: ParamChecks<T>): T {
  const unknown = Object.keys(params).some((name) => !Object.hasOwn(guards, name))
  if (unknown) throw new ParamsError(`the params are: ${Object.keys(guards).join(", ") || "none"}`)
  for (const [name, guard] of Object.entries<ParamCheck<unknown>>(guards)) {
    const problem = guard(params[name])
    if (problem !== undefined) throw new ParamsError(`${name} is ${problem}`)
  }
  return params as T
}

/** Says what a param has to be, if it is not that. `T` is what it then is. */
type ParamCheck<_T> = (value: unknown) => string | undefined
type ParamChecks<T> = { readonly [K in keyof T]-?: ParamCheck<T[K]> }

const text: ParamCheck<string> = (value) => (typeof value === "string" ? undefined : "a string")

const textOrNone: ParamCheck<string | undefined> = (value) =>
  value === undefined ? value : text(value)

const texts: ParamCheck<readonly string[]> = (value) =>
  Array.isArray(value) && value.every((item) => text(item) === undefined)
    ? undefined
    : "a list of strings"

/** An error as a client gets it. Of a bug it learns nothing more. */
function asRpcError(door: Door, thrown: unknown, method: string): RpcError {
  const { code, message, hint, exitCode } = asVaultError(thrown)
  if (code === "BUG") {
    const kind = thrown instanceof Error ? thrown.name : typeof thrown
    say(door.terminal, `agent-vault bridge: BUG: ${method} failed (${kind})`)
    const data = { code, exitCode }
    return { code: FAILED, message: "something went wrong that should not", data }
  }
  return {
    code: FAILED,
    message,
    data: { code, ...(hint === undefined ? {} : { hint }), exitCode },
  }
}
