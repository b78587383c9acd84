/** What each shell sources. Where agent-vault has nothing to say, files are completed. */
export const SCRIPTS = {
  bash: `_agent_vault() {
  local IFS=$'\\n'
  COMPREPLY=($(agent-vault completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _agent_vault agent-vault
`,
  zsh: `_agent_vault() {
  local -a found
  found=("\${(@f)$(agent-vault completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -a found; else _files; fi
}
compdef _agent_vault agent-vault
`,
  fish: `function __agent_vault
  set -l words (commandline -opc) (commandline -ct)
  set -l found (agent-vault completion words -- $words[2..] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c agent-vault -f -a '(__agent_vault)'
`,
} as const
