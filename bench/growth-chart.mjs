// The chart of bench/growth.mjs: an SVG that follows the reader's light or dark, and loads nothing.

/** @typedef {import("./growth.mjs").Growth} Growth */
/** @typedef {import("./growth.mjs").Point} Point */
/** @typedef {(point: Point) => number} Along */

const [WIDTH, HEIGHT, GAP] = [1080, 410, 150]
const [LEFT, TOP, PANEL, TALL] = [64, 68, 258, 280]
const LABEL = 15
/** Of the chart's time axis, in CPU seconds. */
const [LEAST, MOST] = [0.05, 200]
/** @type {Along} */
const secretsOf = (point) => point.secrets
/** @type {Along} */
const agentsOf = (point) => point.agents
const OPERATIONS = ["set", "sync", "grant", "owner add", "revoke", "agent remove"]

/** @param {Growth} growth */
export function growthChart({ on, points, history }) {
  const [classic, hybrid] = ["x25519", "mlkem768x25519"].map((keys) =>
    points.filter((point) => point.keys === keys && point.agents === 20),
  )
  const small = points.filter((point) => point.keys === "x25519" && point.secrets === 100)
  const title = `CPU time of changes by the size of a group, and the weight of history, ${on}`
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">
<title>${title}</title>
<style>
svg{--back:#f6f8fa;--text:#424a53;--strong:#1f2328;--grid:#d1d9e0;--c0:#0550ae;--c1:#8250df;--c2:#1a7f37;--c3:#9a6700;--c4:#cf222e;--c5:#bf3989}
@media (prefers-color-scheme:dark){svg{--back:#151b23;--text:#b1bac4;--strong:#f0f6fc;--grid:#3d444d;--c0:#79c0ff;--c1:#d2a8ff;--c2:#56d364;--c3:#e3b341;--c4:#ff7b72;--c5:#f778ba}}
text{font:12px ui-sans-serif,system-ui,sans-serif;fill:var(--text)}.title{font-weight:600;fill:var(--strong)}.end{text-anchor:end}.middle{text-anchor:middle}
.grid{stroke:var(--grid)}path{fill:none;stroke-width:2}.hybrid{stroke-dasharray:5 4}
${OPERATIONS.map((_, index) => `.s${index}{stroke:var(--c${index})}.n${index}{fill:var(--c${index})}`).join("")}
</style>
<rect width="100%" height="100%" rx="8" fill="var(--back)"/>
${panel(LEFT, "CPU time of a change, 20 agents", "secrets; dashed: post-quantum", secretsOf, classic ?? [], hybrid)}
${panel(LEFT + PANEL + GAP, "CPU time of a change, 100 secrets", "agents", agentsOf, small)}
${bars(LEFT + 2 * (PANEL + GAP), history)}
</svg>
`
}

/**
 * Both axes by powers of ten.
 *
 * @param {number} left
 * @param {string} title
 * @param {string} unit what the lower axis counts
 * @param {Along} along
 * @param {readonly Point[]} classic
 * @param {readonly Point[]} [hybrid] drawn dashed
 */
function panel(left, title, unit, along, classic, hybrid = []) {
  const places = classic.map(along).toSorted((a, b) => a - b)
  const x = scale(places[0] ?? 1, places.at(-1) ?? 1, left, left + PANEL)
  const y = scale(LEAST, MOST, TOP + TALL, TOP)
  const rows = [0.1, 1, 10, 100].map(
    (seconds) =>
      `<line class="grid" x1="${left}" x2="${left + PANEL}" y1="${y(seconds)}" y2="${y(seconds)}"/><text class="end" x="${left - 8}" y="${y(seconds) + 4}">${seconds} s</text>`,
  )
  const columns = places.map(
    (place) =>
      `<text class="middle" x="${x(place)}" y="${TOP + TALL + 18}">${place.toLocaleString("en-US")}</text>`,
  )
  const lines = [classic, hybrid].flatMap((points, kind) =>
    OPERATIONS.map((operation, index) => {
      const steps = points
        .toSorted((a, b) => along(a) - along(b))
        .map((point) => `${x(along(point))} ${y(point.seconds[operation] ?? LEAST)}`)
      if (steps.length === 0) return ""
      return `<path class="s${index}${kind === 1 ? " hybrid" : ""}" d="M${steps.join("L")}"/>`
    }),
  )
  const last = classic.find((point) => along(point) === places.at(-1))
  const ends = OPERATIONS.map((operation, index) => ({
    operation,
    index,
    at: y(last?.seconds[operation] ?? LEAST),
  })).toSorted((a, b) => a.at - b.at)
  let free = TOP
  const names = ends.map(({ operation, index, at }) => {
    const here = Math.max(at, free)
    free = here + LABEL
    return `<text class="n${index}" x="${left + PANEL + 8}" y="${here + 4}">${operation}</text>`
  })
  const head = `<text class="title" x="${left}" y="${TOP - 30}">${title}</text>`
  const below = `<text x="${left}" y="${TOP + TALL + 40}">${unit}</text>`
  return [head, below, ...rows, ...columns, ...lines, ...names].join("\n")
}

/**
 * What history weighs, linear.
 *
 * @param {number} left
 * @param {Growth["history"]} history
 */
function bars(left, { secrets, agents, changes, end }) {
  const most = Math.max(end.ours, end.direct)
  const columns = [
    ["a key per group", end.ours, 2],
    ["sealed directly", end.direct, 4],
  ].map(([name, bytes, color], index) => {
    const tall = (TALL * Number(bytes)) / most
    const [at, top] = [left + index * 104, TOP + TALL - tall]
    const megabytes = `${(Number(bytes) / 1e6).toFixed(1)} MB`
    return `<rect x="${at}" y="${top}" width="64" height="${tall}" style="fill:var(--c${color})"/><text class="middle" x="${at + 32}" y="${top - 6}">${megabytes}</text><text class="middle" x="${at + 32}" y="${TOP + TALL + 18}">${name}</text>`
  })
  const head = `<text class="title" x="${left}" y="${TOP - 30}">History after ${changes} changes</text>`
  const said = `<text x="${left}" y="${TOP + TALL + 40}">${secrets} secrets, ${agents} agents, after gc</text>`
  return [head, ...columns, said].join("\n")
}

/**
 * Puts a number on an axis by its logarithm.
 *
 * @param {number} least
 * @param {number} most
 * @param {number} from
 * @param {number} to
 */
function scale(least, most, from, to) {
  const width = Math.log(most / least) || 1
  return (/** @type {number} */ number) =>
    Math.round(from + ((to - from) * Math.log(Math.max(number, least) / least)) / width)
}
