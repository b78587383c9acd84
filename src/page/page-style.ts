/** What all pages look like: the system's own letters, by day and by night. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --card: #ffffff; --ink: #1c1e21; --soft: #5b6167; --line: #dcdfe3;
  --accent: #1d5fa8; --on-accent: #ffffff; --good: #1b6e3c; --warn: #8a5300; --bad: #b3261e;
  --good-tint: #e4f3e9; --warn-tint: #fbeed7; --bad-tint: #fbe6e4;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "Liberation Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --card: #1d2024; --ink: #e8eaed; --soft: #a2a9b1; --line: #363b42;
    --accent: #8ab8f0; --on-accent: #0e1a29; --good: #7fd19c; --warn: #f0bd6c; --bad: #ff9d94;
    --good-tint: #1a3324; --warn-tint: #3a2d15; --bad-tint: #44211e;
  }
}
* { box-sizing: border-box }
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100% }
body { margin: 0; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
h1, h2, h3 { line-height: 1.25; text-wrap: balance }
code, .mono { font-family: var(--mono); font-size: .92em; overflow-wrap: anywhere }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap }
[hidden] { display: none !important }
@media (prefers-reduced-motion: no-preference) { button { transition: background .15s } }
`
