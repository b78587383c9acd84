import { PAGE_STYLE } from "../../page/page-style.js"

/** What the look at a vault looks like: wide and narrow, by day and by night, and on paper. */
export const GLANCE_STYLE = `${PAGE_STYLE}
body { padding: clamp(1rem, 3vw, 2.5rem); max-width: 84rem; margin: 0 auto }
header { margin-bottom: 1.75rem }
h1 { margin: 0 0 .25rem; font-size: clamp(1.5rem, 3vw, 2rem); letter-spacing: -.01em }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.2rem }
h2 small { font-weight: 400; color: var(--soft); font-size: .85rem; margin-left: .4rem }
p { margin: 0 0 .75rem } .soft { color: var(--soft) } header p { color: var(--soft); margin: 0 }
nav { margin-top: .75rem; display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .9rem }
a { color: var(--accent) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem;
  margin: 0; padding: 0; list-style: none }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .8rem 1rem } .tiles strong { display: block; font-size: 1.6rem; line-height: 1.2;
  font-variant-numeric: tabular-nums } .tiles span { color: var(--soft); font-size: .85rem }
.tiles .warn strong { color: var(--warn) } .tiles .bad strong { color: var(--bad) }
.calls { list-style: none; margin: 0; padding: 0; display: grid; gap: .5rem }
.calls li { border-left: 4px solid var(--warn); background: var(--warn-tint); padding: .55rem .9rem;
  border-radius: 0 8px 8px 0; overflow-wrap: anywhere }
.calls li.bad { border-color: var(--bad); background: var(--bad-tint) }
.calls li.good { border-color: var(--good); background: var(--good-tint) }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px } .scroll:focus-visible { outline-offset: 2px }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: .92rem }
caption { text-align: left } th, td { padding: .55rem .85rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line) } tbody tr:last-child > * { border-bottom: 0 }
thead th { color: var(--soft); font-weight: 600; font-size: .82rem; white-space: nowrap;
  vertical-align: bottom } tbody th { font-weight: 600; font-family: var(--mono); font-size: .88rem }
td.when { white-space: nowrap } td small, th small { display: block; color: var(--soft);
  font-size: .82rem; font-weight: 400; font-family: system-ui, sans-serif }
.matrix { width: auto; min-width: 100% } .matrix td { text-align: center; min-width: 7rem }
.matrix td.all { text-align: left }
.matrix thead th { text-align: center; font-family: var(--mono); color: var(--ink) }
.matrix tr > th:first-child { position: sticky; left: 0; background: var(--card); text-align: left;
  border-right: 1px solid var(--line); z-index: 1; min-width: 6.5rem; max-width: 45vw;
  overflow-wrap: break-word }
.state { display: inline-block; padding: .1rem .6rem; border-radius: 99px; font-size: .82rem;
  white-space: nowrap; border: 1px solid transparent }
.plain { border-color: var(--line); color: var(--soft) }
.open { background: var(--good-tint); color: var(--good) }
.soon, .wished { background: var(--warn-tint); color: var(--warn) }
.wished { border: 1px dashed var(--warn) }
.ended, .toend { background: var(--bad-tint); color: var(--bad) }
.none { color: var(--soft) }
.rules { margin: 0; padding: 0; list-style: none } .rules li + li { margin-top: .35rem }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .88rem; border-top: 1px solid var(--line);
  padding-top: 1rem }
#live { margin-left: .5rem }
@media (max-width: 46rem) {
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%) }
  .cards, .cards tbody { display: block } .cards tr { display: block; padding: .75rem .9rem;
    border-bottom: 1px solid var(--line) } .cards tr:last-child { border-bottom: 0 }
  .cards th, .cards td { display: block; border: 0; padding: .1rem 0 }
  .cards td:empty { display: none }
  .cards td[data-name]::before { content: attr(data-name) ": "; color: var(--soft);
    font-size: .82rem }
  .cards td small { display: inline; margin-left: .4rem }
}
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --accent: #000;
    --good: #000; --warn: #000; --bad: #000; --good-tint: #fff; --warn-tint: #fff;
    --bad-tint: #fff }
  body { max-width: none; padding: 0; font-size: 10pt } nav, #live { display: none }
  .scroll { overflow: visible; border-radius: 0 } .matrix tr > th:first-child { position: static }
  .state { border: 1px solid #888 } tr, li { break-inside: avoid } thead { display: table-header-group }
  h2 { break-after: avoid } table { font-size: 8.5pt } th, td { padding: .3rem .45rem }
  td small, th small { font-size: .9em } .matrix td { min-width: 0 }
}
`
