import { VaultError, isObject } from "../../core/index.js"
import {
  type ClientConfig,
  type ServerEntry,
  contentOf,
  meaning,
} from "../clients/client-config.js"
import { appendJsonc, editJsonc, removeJsonc } from "../clients/jsonc.js"
import type { HookClient } from "../parse/table/hook-clients.js"

/** The words by which an entry is known as ours. */
const OURS = /(^|[\s/'"])(agent-vault|bin\.cjs)['"]? hooks answer /

/** What the client's file says of one moment: the command line of our hook, and where it stands. */
interface FoundHook {
  readonly event: string
  /** Its place in the event's list, from 0. */
  readonly at: number
  readonly command: string
}

/** The moments at which a client's hook is called. */
export function momentsOf({ before, after }: HookClient): readonly string[] {
  return [before, ...after]
}

/** Our hooks in a client's file. Throws `CONFIG_INVALID`. */
export function hooksIn(config: ClientConfig, client: HookClient): FoundHook[] {
  const events = hookTable(contentOf(config))
  return momentsOf(client).flatMap((event) =>
    listAt(events, event).flatMap((entry, at) => {
      const command = commandOf(entry)
      return command !== undefined && OURS.test(command) ? [{ event, at, command }] : []
    }),
  )
}

/**
 * The text of a client's file with our hook at each moment, in place of any that was ours before.
 * Whatever else is there stays as it is, comments and all.
 */
export function withHooks(config: ClientConfig, client: HookClient, command: string): string {
  if (isInstalled(config, client, command)) return config.text
  const cleaned = { ...config, text: withoutHooks(config, client) }
  const framed = withFrame(cleaned, client)
  const edited = momentsOf(client).reduce(
    (text, event) => appendJsonc(text, ["hooks", event], entryOf(client, command)),
    framed.text,
  )
  const content = contentOf(framed)
  const events = hookTable(content)
  const added = Object.fromEntries(
    momentsOf(client).map((event) => [event, [...listAt(events, event), entryOf(client, command)]]),
  )
  return meaning(cleaned, edited, { ...content, hooks: { ...events, ...added } })
}

/** Whether the hook is there at each moment, once, with this very command line. */
function isInstalled(config: ClientConfig, client: HookClient, command: string): boolean {
  const found = hooksIn(config, client)
  return (
    found.every((hook) => hook.command === command) &&
    found.map(({ event }) => event).join() === momentsOf(client).join()
  )
}

/** The text without our hooks, and without the lists and tables that they leave empty. */
export function withoutHooks(config: ClientConfig, client: HookClient): string {
  let { text } = config
  for (;;) {
    const now = { ...config, text }
    const [found] = hooksIn(now, client)
    if (found === undefined) return text
    text = withoutHook(now, found)
  }
}

/** Whether a text holds nothing but what such a file has to begin with. */
export function isBare(config: ClientConfig, { frame = {} }: HookClient): boolean {
  return Object.keys(contentOf(config)).every((key) => key in frame)
}

function withoutHook(config: ClientConfig, { event, at }: FoundHook): string {
  const content = contentOf(config)
  const events = hookTable(content)
  const rest = listAt(events, event).toSpliced(at, 1)
  if (rest.length > 0) {
    const edited = removeJsonc(config.text, ["hooks", event], at)
    return meaning(config, edited, { ...content, hooks: { ...events, [event]: rest } })
  }
  const { [event]: _, ...others } = events
  if (Object.keys(others).length > 0) {
    const edited = editJsonc(config.text, ["hooks", event], undefined)
    return meaning(config, edited, { ...content, hooks: others })
  }
  const { hooks: __, ...without } = content
  return meaning(config, editJsonc(config.text, ["hooks"], undefined), without)
}

function withFrame(config: ClientConfig, { frame = {} }: HookClient): ClientConfig {
  const content = contentOf(config)
  const missing = Object.entries(frame).filter(([key]) => !(key in content))
  const text = missing.reduce(
    (edited, [key, value]) => editJsonc(edited, [key], value),
    config.text,
  )
  return { ...config, text: meaning(config, text, { ...content, ...Object.fromEntries(missing) }) }
}

/** Cursor has the command in the list; the others have a list of matchers, each with its commands. */
function entryOf({ name }: HookClient, command: string): ServerEntry {
  if (name === "cursor") return { command, failClosed: true }
  return { matcher: "*", hooks: [{ type: "command", command }] }
}

function commandOf(entry: unknown): string | undefined {
  if (!isObject(entry)) return undefined
  const inner: unknown = Array.isArray(entry["hooks"]) ? entry["hooks"][0] : entry
  const command: unknown = isObject(inner) ? inner["command"] : undefined
  return typeof command === "string" ? command : undefined
}

function hookTable(content: ServerEntry): ServerEntry {
  const hooks = content["hooks"] ?? {}
  if (isObject(hooks)) return hooks
  throw notHooks("hooks is not a table")
}

function listAt(events: ServerEntry, event: string): readonly unknown[] {
  const list: unknown = events[event] ?? []
  if (Array.isArray(list)) return list
  throw notHooks(`hooks.${event} is not a list`)
}

function notHooks(why: string): VaultError {
  return new VaultError("CONFIG_INVALID", `the client's hooks cannot be read: ${why}`, {
    hint: "nothing was changed: correct the file in an editor, then repeat the command",
  })
}
