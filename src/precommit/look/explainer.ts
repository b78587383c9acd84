import type { LineIndex } from "./contents.js"
import { type Beginning, isGenerated } from "../detect/surroundings.js"
import type { Detection } from "../detect/overlaps.js"
import type { Extent, OnSilenced } from "../detect/veto.js"
import { type Finding, OWN_VALUE } from "../report/finding.js"
import { mask } from "../report/mask.js"
import type { ExplainedFile, ExplainedMatch, LookedFor } from "../report/request.js"
import type { Scanned } from "./scan.js"
import { Spans } from "./spans.js"

/** A text, and what is found in it besides credentials. */
interface ExplainedText {
  readonly path: string
  readonly text: string
  readonly lines: Pick<LineIndex, "at">
  /** How the file begins, of which the text is a later piece. */
  readonly beginning?: Beginning | undefined
  readonly onlyKeys: boolean
  readonly own: readonly Extent[]
  readonly custom: readonly (Extent & { readonly rule: { readonly id: string } })[]
}

/** A file before the exceptions of the repository are known. */
interface JudgedFile {
  readonly scanned: Scanned
  readonly looked: LookedFor
  readonly silenced: readonly ExplainedMatch[]
}

/** Writes down, file by file, what became of each match. Made only when somebody asks. */
export class Explainer {
  readonly #files: JudgedFile[] = []
  /** By place, rule and veto: a value is looked at once for each word in its name. */
  #silenced = new Map<string, ExplainedMatch>()
  #looked: LookedFor = "nothing"

  /** Takes what is silenced in a text of the file that is looked at. */
  listen({ path, text, lines, onlyKeys, own, beginning }: ExplainedText): OnSilenced {
    const isMade = beginning?.isGenerated ?? isGenerated(text, path)
    this.#looked = onlyKeys ? "keys" : isMade ? "shapes" : "everything"
    const ownValues = new Spans(own)
    return ({ rule, start, end, veto, by }) => {
      const { line, column } = lines.at(start)
      const match = {
        line,
        column,
        rule,
        // Nothing of a value of the vault is shown, not even how it begins.
        excerpt: ownValues.meet({ start, end })
          ? `(${end - start} characters)`
          : mask(text.slice(start, end)),
        outcome: "silenced",
        veto,
        ...(by === undefined ? {} : { by }),
      } as const
      this.#silenced.set([line, column, end - start, rule, veto, by].join(" "), match)
    }
  }

  /** Takes the credentials that are this vault's own values, or that a rule of the repository tells. */
  compare(found: readonly Detection[], text: ExplainedText): void {
    const onSilenced = this.listen(text)
    const ownValues = new Spans(text.own)
    for (const { rule, start, end } of found) {
      const same = text.custom.find((each) => each.start === start && each.end === end)
      const by = ownValues.meet({ start, end }) ? OWN_VALUE : same?.rule.id
      if (by !== undefined) onSilenced({ rule, start, end, veto: "better-rule", by })
    }
  }

  /** The file was looked at. */
  end(scanned: Scanned): void {
    const silenced = [...this.#silenced.values()]
    this.#files.push({ scanned, looked: this.#looked, silenced })
    this.#silenced = new Map()
    this.#looked = "nothing"
  }

  /** What became of each match, now that it is known which findings are reported. */
  explain(reported: readonly Finding[]): readonly ExplainedFile[] {
    const left = new Set(reported)
    return this.#files.map(({ scanned, looked, silenced }) => ({
      path: scanned.path,
      looked,
      matches: [
        ...scanned.findings.map((each) =>
          left.has(each) ? reportedMatch(each) : allowedMatch(each, "entry"),
        ),
        ...scanned.allowed.map((each) => allowedMatch(each, "comment")),
        ...silenced,
      ].toSorted((a, b) => a.line - b.line || a.column - b.column),
    }))
  }
}

function reportedMatch(finding: Finding): ExplainedMatch {
  return { ...matchOf(finding), outcome: finding.public === true ? "public" : "reported" }
}

function allowedMatch(finding: Finding, veto: "comment" | "entry"): ExplainedMatch {
  return { ...matchOf(finding), outcome: "allowed", veto }
}

function matchOf({ rule, line, column, excerpt = "" }: Finding) {
  return { line, column, rule, excerpt }
}
