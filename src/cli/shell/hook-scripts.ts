export const SHELLS = ["bash", "zsh", "fish"] as const
export type Shell = (typeof SHELLS)[number]

/** What a script needs to know, each as a word that its shell takes for one. */
interface HookWords {
  /** What starts this very program, whatever PATH says in a repository. */
  readonly program: string
  /** The file of allowances. */
  readonly allowances: string
  /** The folder with the sockets of proxies. */
  readonly proxies: string
}

/**
 * What a shell evaluates at its start. Before each prompt it looks, with nothing but what is built in,
 * which vault is around, what was allowed, and which proxies run; only where that changed does it ask
 * agent-vault. What undoes the variables is kept by the shell alone: no child has it.
 */
export const HOOK_SCRIPTS: Readonly<Record<Shell, (words: HookWords) => string>> = {
  bash: ({ program, allowances, proxies }) => `${INHERITED_BASH}
_agent_vault_hook() {
  local last=$? dir=$PWD allowed= proxies
  while [[ -n $dir && ! -f $dir/.agent-vault/vault.json ]]; do dir=\${dir%/*}; done
  [[ -n $dir && -f ${allowances} ]] && IFS= read -r -d '' allowed <${allowances}
  proxies=(${proxies}/*.sock)
  local now="$dir|$allowed|\${proxies[*]}"
  [[ -n $dir ]] || now=
  if [[ $now != "\${_agent_vault_now-}" ]]; then
    eval "\${_agent_vault_undo-}"
    _agent_vault_undo= _agent_vault_now=$now
    [[ -n $dir ]] && eval "$(${program} hook env bash)"
  fi
  return $last
}
if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == "declare -a"* ]]; then
  [[ " \${PROMPT_COMMAND[*]} " == *" _agent_vault_hook "* ]] || PROMPT_COMMAND+=(_agent_vault_hook)
elif [[ ";\${PROMPT_COMMAND-};" != *";_agent_vault_hook;"* ]]; then
  PROMPT_COMMAND="_agent_vault_hook\${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
fi
`,
  zsh: ({ program, allowances, proxies }) => `if [[ -n \${AGENT_VAULT_HOOK-} ]]; then
  unset -v \${=AGENT_VAULT_HOOK} AGENT_VAULT_HOOK
fi
_agent_vault_hook() {
  emulate -L zsh
  local dir=$PWD allowed= now
  local -a proxies
  while [[ -n $dir && ! -f $dir/.agent-vault/vault.json ]]; do dir=\${dir%/*}; done
  [[ -n $dir && -f ${allowances} ]] && allowed="$(<${allowances})"
  proxies=(${proxies}/*.sock(N))
  now="$dir|$allowed|$proxies"
  [[ -n $dir ]] || now=
  if [[ $now != "\${_agent_vault_now-}" ]]; then
    eval "\${_agent_vault_undo-}"
    typeset -g _agent_vault_undo= _agent_vault_now=$now
    [[ -n $dir ]] && eval "$(${program} hook env zsh)"
  fi
  return 0
}
autoload -Uz add-zsh-hook
add-zsh-hook precmd _agent_vault_hook
`,
  fish: ({ program, allowances, proxies }) => `if set -q AGENT_VAULT_HOOK
  for name in (string split ' ' -- $AGENT_VAULT_HOOK) AGENT_VAULT_HOOK
    set -e $name
  end
end
set -g __agent_vault_now ''
set -g __agent_vault_undo ''
function __agent_vault_hook --on-event fish_prompt
  set -l dir $PWD
  while test -n "$dir"; and not test -f "$dir/.agent-vault/vault.json"
    set dir (string replace -r '/[^/]*$' '' -- $dir)
  end
  set -l now ''
  if test -n "$dir"
    set -l allowed
    if test -f ${allowances}
      read -z allowed <${allowances}
    end
    set -l proxies ${proxies}/*.sock
    set now "$dir|$allowed|$proxies"
  end
  if test "$now" != "$__agent_vault_now"
    eval $__agent_vault_undo
    set -g __agent_vault_undo ''
    set -g __agent_vault_now $now
    if test -n "$dir"
      ${program} hook env fish | source
    end
  end
end
`,
}

/** A shell that another started has its variables, and not what undoes them. */
const INHERITED_BASH = `if [[ -n \${AGENT_VAULT_HOOK-} ]]; then
  unset -v $AGENT_VAULT_HOOK AGENT_VAULT_HOOK
fi`

/** The names of the variables that a hook set, for the shells that one starts. */
const NAMES = "AGENT_VAULT_HOOK"

/** What a shell evaluates to have these variables, and later, to have what it had. */
export function evaluated(
  shell: Shell,
  variables: ReadonlyMap<string, string>,
  before: Readonly<Record<string, string | undefined>>,
): string {
  const { set, unset, keep } = WRITTEN[shell]
  const all = [...variables, [NAMES, [...variables.keys()].join(" ")] as const]
  const undo = all.map(([name]) => {
    const old = name === NAMES ? undefined : before[name]
    return old === undefined ? unset(name) : set(name, old)
  })
  return `${all.map(([name, value]) => set(name, value)).join("\n")}\n${keep(undo.join("; "))}\n`
}

interface Writing {
  readonly set: (name: string, value: string) => string
  readonly unset: (name: string) => string
  /** Keeps a text in the variable of the shell that undoes. */
  readonly keep: (undo: string) => string
}

const POSIX: Writing = {
  set: (name, value) => `export ${name}=${quoted("bash", value)}`,
  unset: (name) => `unset -v ${name}`,
  keep: (undo) => `_agent_vault_undo=${quoted("bash", undo)}`,
}
const WRITTEN: Readonly<Record<Shell, Writing>> = {
  bash: POSIX,
  zsh: POSIX,
  fish: {
    set: (name, value) => `set -gx ${name} ${quoted("fish", value)}`,
    unset: (name) => `set -e ${name}`,
    keep: (undo) => `set -g __agent_vault_undo ${quoted("fish", undo)}`,
  },
}

/** A word that a shell takes for one, whatever is in it. */
export function quoted(shell: Shell, word: string): string {
  return shell === "fish"
    ? `'${word.replace(/[\\']/g, (character) => `\\${character}`)}'`
    : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
