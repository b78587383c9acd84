import { harmless } from "../../core/index.js"
import { typedLetters } from "../door/confirm-person.js"
import type { AskPerson, Door, PersonAsked } from "../door/door.js"
import { say } from "../terminal/terminal.js"
import { openPage } from "./child.js"
import { childEnvironment } from "./program-environment.js"

/** Asks with a page, whose address goes to stderr and, where there is a display, to a browser. */
export function askByPage(door: Door): AskPerson {
  return async (question, signal) => {
    const page = await door.others.askPage()
    const tell = (url: string): void => {
      say(door.terminal, `agent-vault: ${questionOf(question)} Answer within 120 s:\n  ${url}`)
      openPage(url, childEnvironment(door.env, new Map(), false))
    }
    return page.askOnPage(tell)(question, signal)
  }
}

/** Asks at the terminal that is ours, or with a page where there is none. */
export function askInFront(door: Door): AskPerson {
  const { stdin, stderr } = door.terminal
  if (!stdin.isTTY || !stderr.isTTY) return askByPage(door)
  return (question, signal) => typedLetters(door.terminal, questionOf(question), signal)
}

function questionOf(question: PersonAsked): string {
  const { secret, method, target, path, bodyDigest } = question
  const port = target.port === 443 ? "" : `:${target.port}`
  const body = bodyDigest === undefined ? "" : `, body ${bodyDigest}`
  const where = `${target.host}${port}${path}`
  return harmless(`may ${secret} be sent with ${method} ${where}${body}?`)
}
