import { vaultPath } from "../../core/guard.js"
import type { FindCustom } from "../allow/custom-rules.js"
import { findCredentials } from "../detect/detect.js"
import type { Beginning } from "../detect/surroundings.js"
import { findKeyFile } from "../detect/within.js"
import { ENV_FILE, type Finding } from "../report/finding.js"
import { mask } from "../report/mask.js"
import { type Decoded, type LineIndex, offsetsIn } from "./contents.js"
import { envValues } from "./env-values.js"
import type { Explainer } from "./explainer.js"
import {
  type FindOwn,
  type PlacedFinding,
  credentialFinding,
  customFinding,
  ownFinding,
} from "./finding-of.js"
import { type Span, apartFrom } from "./spans.js"

/** What looks into a file besides the rules for everybody. */
export interface Finders {
  readonly own?: FindOwn | undefined
  readonly custom?: FindCustom
  /** Writes down what became of each match, if that was asked for. */
  readonly explainer?: Explainer | undefined
}

/** A file that is looked at. */
export interface LookedAt {
  readonly path: string
  readonly isLink: boolean
  readonly finders: Finders
}

/** What is found in a file, or in a piece of one; `beginning` is of a later piece. */
export function findingsIn(
  content: Decoded,
  { path, isLink, finders }: LookedAt,
  lines: Pick<LineIndex, "at">,
  beginning?: Beginning,
): PlacedFinding[] {
  const { raw, bytes, text } = content
  const onlyKeys = isOnlyForKeys(content, path)
  const offsetOf = content.is === "binary" ? (at: number) => at : offsetsIn(bytes)
  const own = (finders.own?.(bytes) ?? []).map((hit) => ({
    ...hit,
    start: offsetOf(hit.start),
    end: offsetOf(hit.end),
  }))
  const custom = onlyKeys ? [] : (finders.custom?.(text, path) ?? []).filter(apartFrom(own))
  const origin = { ...(isLink ? {} : { path }), onlyKeys, ...(beginning && { beginning }) }
  const looked = { path, text, lines, onlyKeys, own, custom, beginning }
  const found =
    (beginning ? undefined : findKeyFile(raw)) ??
    findCredentials(text, origin, finders.explainer?.listen(looked))
  finders.explainer?.compare(found, looked)
  // A rule of the repository may say more of a text, but takes none from the rules for everybody.
  const hits = found.filter(apartFrom(own)).filter(unlike(custom))
  return [
    ...own.map((hit) => placed(hit, ownFinding(path, text.slice(hit.start, hit.end), hit, lines))),
    ...custom.map((hit) => placed(hit, customFinding(path, text, hit, lines))),
    ...hits.map((hit) => placed(hit, credentialFinding(path, text, hit, lines))),
    ...(isLink || onlyKeys ? [] : envValues(path, text))
      .filter(apartFrom([...own, ...hits]))
      .filter(unlike(custom))
      .map((hit) => placed(hit, envFinding(path, text, hit, lines))),
  ]
}

function placed({ start }: Span, finding: Finding): PlacedFinding {
  return { start, finding }
}

/** In a binary file only keys are of interest, and in a vault only what people write is a text. */
export function isOnlyForKeys({ is }: Decoded, path: string): boolean {
  const inside = vaultPath(path)
  return is === "binary" || (inside !== undefined && /\.(?:json|age)$/.test(inside.path))
}

function envFinding(
  path: string,
  text: string,
  { start, end }: Span,
  lines: Pick<LineIndex, "at">,
): Finding {
  const found = text.slice(start, end)
  return {
    rule: ENV_FILE,
    title: "a value in an env file",
    path,
    ...lines.at(start),
    excerpt: mask(found),
    text: found,
    hint: "keep the file out of Git, or write av://GROUP/NAME in it and start the program with: agent-vault run",
  }
}

/** Picks what is the same piece of a text as none of `others`. */
function unlike(others: readonly Span[]): (span: Span) => boolean {
  const same = new Set(others.map(({ start, end }) => `${start} ${end}`))
  return ({ start, end }) => !same.has(`${start} ${end}`)
}
