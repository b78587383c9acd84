import { shellWord } from "../../core/index.js"
import { programFiles } from "./own-program.js"

/**
 * What starts the merge driver, for the shell that git starts: this very program as long as it is
 * there, else the one on PATH. If there is none, the shell ends with 127, which git takes for a
 * conflict, and ours stays.
 */
export function startedByGit(): string {
  const program = programFiles().map(shellWord)
  const isThere = program.map((file) => `[ -f ${file} ]`).join(" && ")
  const choose = `if ${isThere}; then set -- ${program.join(" ")}; else set -- agent-vault; fi`
  return `${choose}; "$@" git merge-file --`
}
