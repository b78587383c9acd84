import type { WaitingWish } from "../../core/owner.js"

/** Requests that are shown; the others are counted. */
const SHOWN = 5

/** What agents ask of owners on branches, and how an owner does it. */
export function requestLines(requests: readonly WaitingWish[]): string[] {
  const left = requests.length - SHOWN
  return [
    ...requests
      .slice(0, SHOWN)
      .flatMap((request) => [
        `asked     ${request.what} (${request.at})`,
        `          git diff HEAD...${request.branch}`,
        `          ${answerTo(request)}`,
      ]),
    ...(left > 0 ? [`          and ${left} more: git branch --all`] : []),
  ]
}

/** The line by which an owner does what is asked for. */
export function answerTo({ branch, secret }: WaitingWish): string {
  return secret === undefined
    ? `git merge ${branch} && agent-vault apply`
    : `agent-vault set ${secret}`
}
