import { callsIn } from "./joined-calls.js"

/** A text that is written in pieces, as code joins them; several such texts, each on lines of its own. */
interface JoinedTexts {
  readonly text: string
  readonly pieces: readonly JoinedPiece[]
}

interface JoinedPiece {
  /** Where it stands in what was joined. */
  readonly at: number
  /** Where it stands in the text that it comes from. */
  readonly start: number
  readonly end: number
  /** Whether what stands before it joins it for certain. */
  readonly isSure: boolean
}

/** What stands between two pieces. */
interface Seam {
  readonly start: number
  readonly end: number
  readonly isSure: boolean
}

/** A remark, and the end of a line. */
const BREAK = String.raw`(?:(?:[ \t]{0,20}(?:\/\/|#|--)[^\n"'\x60]{0,100})?[ \t]{0,8}[\\_]?\r?\n[ \t]{0,80})`
const OPERATOR = String.raw`[ \t]{0,20}${BREAK}?(\+{1,2}|\.{1,2}|&|<>|\|\||~|<<)[ \t]{0,20}${BREAK}?`
/** Two literals with an operator between them, or side by side; a line that goes on. */
const SEAM = new RegExp(
  String.raw`["'\x60](?:${OPERATOR}|[ \t]{1,20}|[ \t]{0,20}${BREAK})[bBrRuUfFLN@$]{0,2}["'\x60]|(?<=[^\s\\])\\\r?\n([ \t]{0,80})(?=[^\s"'\x60])`,
  "g",
)
/** The longest piece between two others, and so much is read before the first and in the last. */
const LONGEST = 400
const END = /["'`\n]/
/** The least that is looked at. A shorter text is no key. */
const LEAST = 12
const RUN = 64
/** What parts two texts that have nothing to do with each other. */
const APART = "\n\n\n"

/**
 * The texts that literals make where code joins them, `"ghp_a" + "b"`, also over lines, or where a
 * line goes on after a backslash. Only those that could be keys at a seam: no blank is near it.
 * Undefined if there is none.
 */
export function joinedIn(text: string): JoinedTexts | undefined {
  const pieces: JoinedPiece[] = []
  let whole = ""
  for (const own of textsIn(text)) {
    const made = own.map(({ start, end }) => text.slice(start, end)).join("")
    if (!own.some(({ at }) => at > 0 && isRun(made, at))) continue
    for (const piece of own) pieces.push({ ...piece, at: whole.length + piece.at })
    whole += made + APART
  }
  return pieces.length === 0 ? undefined : { text: whole, pieces }
}

/** What operators join, and then what calls do, each as if it stood alone. */
function* textsIn(text: string): Generator<JoinedPiece[]> {
  let from = 0
  for (const seams of chainsIn(text)) {
    const own = piecesOf(text, seams, from)
    from = own.at(-1)?.end ?? from
    yield own
  }
  for (const call of callsIn(text)) {
    let at = 0
    yield call.map(({ start, end }) => {
      at += end - start
      return { at: at - (end - start), start, end, isSure: true }
    })
  }
}

/**
 * Where something found in what was joined stands in the text, and whether all its seams are sure.
 * Undefined if it is within one piece.
 */
export function placeIn({ pieces }: JoinedTexts, start: number, end: number): Seam | undefined {
  const first = pieceAt(pieces, start)
  const last = pieceAt(pieces, end - 1)
  const [from, to] = [pieces[first], pieces[last]]
  if (first === last || !from || !to) return undefined
  return {
    start: from.start + start - from.at,
    end: to.start + end - to.at,
    isSure: pieces.slice(first + 1, last + 1).every(({ isSure }) => isSure),
  }
}

/** The last piece that begins at an offset or before it. */
function pieceAt(pieces: readonly JoinedPiece[], at: number): number {
  let [low, high] = [0, pieces.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((pieces[middle]?.at ?? 0) <= at) low = middle
    else high = middle - 1
  }
  return low
}

/** Seams with nothing but one piece between each two. */
function* chainsIn(text: string): Generator<Seam[]> {
  let chain: Seam[] = []
  for (const match of text.matchAll(SEAM)) {
    const [whole, operator, indent] = match
    const last = chain.at(-1)
    if (last && !goesOn(text, last.end, match.index)) {
      yield chain
      chain = []
    }
    // Side by side, literals may be arguments or the items of a list.
    const isSure = operator !== undefined || indent === ""
    chain.push({ start: match.index, end: match.index + whole.length, isSure })
  }
  if (chain.length > 0) yield chain
}

function goesOn(text: string, from: number, to: number): boolean {
  return to - from <= LONGEST && !END.test(text.slice(from, to))
}

/** The pieces about the seams of a chain, as if they stood alone; the first from no further than `from`. */
function piecesOf(text: string, seams: readonly Seam[], from: number): JoinedPiece[] {
  const ends = seams.map(({ start }) => start)
  const last = seams.at(-1)?.end ?? 0
  const rest = text.slice(last, last + LONGEST)
  const close = END.exec(rest)
  const starts = [Math.max(from, (ends[0] ?? 0) - LONGEST), ...seams.map(({ end }) => end)]
  let at = 0
  return starts.map((start, index) => {
    const end = ends[index] ?? last + (close ? close.index + 1 : rest.length)
    const piece = { at, start, end, isSure: seams[index - 1]?.isSure ?? true }
    at += end - start
    return piece
  })
}

/** Whether what could be a key goes through an offset: enough without a blank. */
function isRun(text: string, at: number): boolean {
  const before = /[^\s"'`]*$/.exec(text.slice(Math.max(0, at - RUN), at))?.[0] ?? ""
  const after = /^[^\s"'`]*/.exec(text.slice(at, at + RUN))?.[0] ?? ""
  return before !== "" && after !== "" && before.length + after.length >= LEAST
}
