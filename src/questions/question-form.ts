import { type Html, markup } from "../page/html.js"
import { type Page, pageOf } from "../page/page.js"
import { PAGE_STYLE } from "../page/page-style.js"
import type { ChoiceQuestion, Question, ValueQuestion } from "./question.js"
import { CHOICE_WORDS, factsOf, offeredBy } from "./question-facts.js"
import { QUESTION_SCRIPT } from "./question-script.js"

const STYLE = `${PAGE_STYLE}
body { min-height: 100vh; display: grid; place-items: start center; padding: 6vh 1rem 2rem }
main { width: min(40rem, 100%); background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; padding: clamp(1.25rem, 4vw, 2.25rem) }
.from { margin: 0 0 .75rem; color: var(--soft); font-size: .85rem; letter-spacing: .02em }
h1 { margin: 0 0 1rem; font-size: 1.5rem; overflow-wrap: anywhere }
h1:focus { outline: none }
dl { margin: 0 0 1rem; display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem }
dt { color: var(--soft) } dd { margin: 0; min-width: 0; font-family: var(--mono); font-size: .92em;
  overflow-wrap: anywhere; white-space: pre-wrap }
dd.said { font-family: inherit; font-size: 1em; font-style: italic; unicode-bidi: plaintext }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .5rem } }
p { margin: 0 0 1rem }
.answers { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0; padding: 0; border: 0 }
button { font: inherit; padding: .55rem 1.1rem; border-radius: 8px; border: 1px solid var(--soft);
  background: transparent; color: var(--ink); cursor: pointer; text-align: left }
button small { display: block; font-size: .8rem; opacity: .85 }
button.yes { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
button.more { border-color: var(--accent); color: var(--accent) }
button:hover { filter: brightness(1.08) } button:disabled { opacity: .5; cursor: default }
label { display: block; font-weight: 600; margin-bottom: .35rem }
.row { display: flex; gap: .5rem; margin-bottom: .75rem }
input, textarea { flex: 1; width: 100%; min-width: 0; font: 1rem/1.4 var(--mono); padding: .55rem .7rem;
  border: 1px solid var(--soft); border-radius: 8px; background: var(--paper); color: var(--ink) }
textarea { min-height: 9rem; resize: vertical }
details { margin-bottom: 1rem } summary { cursor: pointer; color: var(--soft); margin-bottom: .5rem }
.problem { color: var(--bad); background: var(--bad-tint); border-radius: 8px; padding: .6rem .8rem }
.time { color: var(--soft); font-size: .9rem; margin: 0 }
`

/** The page with a question and its answers. `problem` is what was wrong with the answer before. */
export function questionPage(
  question: Question,
  token: string,
  secondsLeft: number,
  problem?: string,
): Page {
  const { what, leadsTo } = question
  const body = markup`<main data-seconds="${secondsLeft}">
    <p class="from">agent-vault, on this machine</p>
    <h1 id="question">${what}</h1>
    <dl>${factsOf(question).map(factRow)}</dl>
    ${leadsTo === undefined ? undefined : markup`<p>${leadsTo}</p>`}
    ${problem === undefined ? undefined : markup`<p class="problem" role="alert">${problem}</p>`}
    <form method="post" autocomplete="off" aria-labelledby="question">
      <input type="hidden" name="token" value="${token}" />
      ${question.kind === "choice" ? choiceFields(question) : valueFields(question, problem !== undefined)}
    </form>
    <p class="time" id="time">Without an answer within ${secondsLeft} seconds it is no.</p>
    <p class="unseen" role="status" aria-live="polite" id="status"></p>
  </main>`
  return asPage(what, body, QUESTION_SCRIPT)
}

/** What is shown after the answer. */
export function answeredPage(question: Question, answer: string): Page {
  const body = markup`<main data-answered>
    <p class="from">agent-vault, on this machine</p>
    <div role="status"><h1 id="question" tabindex="-1">${answer}</h1></div>
    <dl>${factsOf(question).map(factRow)}</dl>
    <p>You can close this page.</p>
  </main>`
  return asPage(answer, body)
}

function asPage(title: string, body: Html, script?: string): Page {
  return pageOf({ title: `${title} – agent-vault`, style: STYLE, script, body })
}

function factRow([name, fact]: readonly [name: string, fact: string]): Html {
  const look = name.startsWith("Why") ? "said" : "fact"
  return markup`<dt>${name}</dt>
    <dd class="${look}">${fact}</dd>`
}

const LOOKS = { once: "yes", session: "more", "no-more": "no" } as const

/** No is first, and has the focus: who types on as the page appears says no. */
function choiceFields(question: ChoiceQuestion): Html {
  const then = question.request === undefined ? "nothing is shown" : "nothing is sent"
  const offered = offeredBy(question).map(([choice, holds]) => {
    const words = markup`${CHOICE_WORDS[choice]}<small>${holds}</small>`
    return markup`<button class="${LOOKS[choice]}" name="answer" value="${choice}">${words}</button>`
  })
  return markup`<fieldset class="answers">
    <legend class="unseen">Your answer</legend>
    <button name="answer" value="no" autofocus>
      ${CHOICE_WORDS.no}<small>${then}</small>
    </button>
    ${offered}
  </fieldset>`
}

/** The first button is what the Return key presses. Several lines need no script to be entered. */
function valueFields({ line }: ValueQuestion, isAgain: boolean): Html {
  const quiet = markup`autocomplete="off" autocapitalize="off" spellcheck="false"`
  const open = isAgain ? markup` open` : undefined
  const instead =
    line === undefined ? undefined : markup` Or enter it in a terminal: <code>${line}</code>`
  return markup`<label for="value">Its value</label>
    <div class="row">
      <input
        id="value"
        name="value"
        type="password"
        ${quiet}
        autofocus
        aria-describedby="where"
      />
      <button type="button" id="show" aria-pressed="false" aria-controls="value" hidden>Show</button>
    </div>
    <details id="more" ${open}>
      <summary>A value of several lines, such as a PEM key</summary>
      <label for="lines">Its lines, shown as you type</label>
      <textarea id="lines" name="lines" ${quiet}></textarea>
    </details>
    <p id="where">It goes to agent-vault on this machine, and to no model.${instead}</p>
    <fieldset class="answers">
      <legend class="unseen">Your answer</legend>
      <button class="yes" name="answer" value="value">Hand it over</button>
      <button name="answer" value="no">No<small>nothing is stored, and nobody asks for it again</small></button>
    </fieldset>`
}
