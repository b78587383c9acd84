// A recording of a terminal as an SVG that plays by itself: text, and CSS that shows it line by line. It
// follows the reader's light or dark, runs no script and loads nothing.

const [COLUMNS, ROWS] = [101, 24]
const [LINE, COLUMN, MARGIN] = [19, 8.1, 18]
const [WIDTH, HEIGHT] = [COLUMNS * COLUMN + 2 * MARGIN, ROWS * LINE + 2 * MARGIN]
/** How long a line is read, a command waited for, and the last screen looked at, in seconds. */
const [READ_S, TYPED_S, HELD_S] = [0.35, 0.9, 6]

/**
 * @param {readonly string[]} lines as they were printed, without control codes
 * @param {string} title what is to be seen
 */
export function recordingOf(lines, title) {
  const at = timesOf(lines)
  const seconds = (at.at(-1) ?? 0) + HELD_S
  const share = (/** @type {number} */ time) => `${((100 * time) / seconds).toFixed(2)}%`
  const rows = lines.map(
    (line, row) =>
      `<text class="${kindOf(line)}" style="animation-name:l${row}" x="${MARGIN}" y="${MARGIN + (row + 0.75) * LINE}">${escaped(cut(line))}</text>`,
  )
  const shows = at.map(
    (time, row) => `@keyframes l${row}{0%{opacity:0}${share(time)},100%{opacity:1}}`,
  )
  const scrolled = at.flatMap((time, row) =>
    row < ROWS ? [] : [`${share(time)}{transform:translateY(${-(row - ROWS + 1) * LINE}px)}`],
  )
  const end = `translateY(${-Math.max(0, lines.length - ROWS) * LINE}px)`
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" xml:space="preserve" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}">
<title>${escaped(title)}</title>
<style>
svg{--back:#f6f8fa;--text:#424a53;--strong:#1f2328;--typed:#0550ae;--yes:#1a7f37;--no:#cf222e}
@media (prefers-color-scheme:dark){svg{--back:#151b23;--text:#b1bac4;--strong:#f0f6fc;--typed:#79c0ff;--yes:#56d364;--no:#ff7b72}}
text{font:13.4px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre;fill:var(--text);animation:${seconds}s step-end infinite}
.told{fill:var(--strong);font-weight:600}.typed{fill:var(--typed)}.yes{fill:var(--yes)}.no{fill:var(--no)}
.screen{transform:${end};animation:scroll ${seconds}s step-end infinite}
@keyframes scroll{0%{transform:none}${scrolled.join("")}100%{transform:${end}}}
${shows.join("\n")}
@media (prefers-reduced-motion:reduce){text,.screen{animation:none}}
</style>
<rect width="100%" height="100%" rx="8" fill="var(--back)"/>
<clipPath id="in"><rect x="0" y="${MARGIN / 2}" width="${WIDTH}" height="${HEIGHT - MARGIN}"/></clipPath>
<g clip-path="url(#in)"><g class="screen">
${rows.join("\n")}
</g></g>
</svg>
`
}

/**
 * When each line appears, in seconds.
 *
 * @param {readonly string[]} lines
 */
function timesOf(lines) {
  let now = 0
  return lines.map((line) => {
    const time = now
    now += kindOf(line) === "typed" ? TYPED_S : READ_S
    return time
  })
}

/** @param {string} line */
function kindOf(line) {
  if (/^ {2}\$ /.test(line)) return "typed"
  if (/refused|NOT_GRANTED/.test(line)) return "no"
  if (line.startsWith("  ✓ ")) return "yes"
  return line.startsWith(" ") ? "printed" : "told"
}

/** @param {string} line */
function cut(line) {
  return line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")
}
