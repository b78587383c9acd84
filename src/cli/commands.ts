import type { Command } from "./door/door.js"

/** Each command is loaded when it is called, and no other. */
const LOADERS: Readonly<Record<string, () => Promise<{ run: Command }>>> = {
  init: () => import("./commands/access/init.js"),
  "agent add": () => import("./commands/agents/agent-add.js"),
  "agent list": () => import("./commands/agents/agent-list.js"),
  "agent show": () => import("./commands/agents/agent-show.js"),
  "agent remove": () => import("./commands/agents/agent-remove.js"),
  "agent recover": () => import("./commands/agents/agent-recover.js"),
  "agent rekey": () => import("./commands/agents/agent-rekey.js"),
  set: () => import("./commands/secrets/set.js"),
  get: () => import("./commands/secrets/get.js"),
  run: () => import("./commands/programs/run.js"),
  proxy: () => import("./commands/programs/proxy.js"),
  "proxy env": () => import("./commands/programs/proxy-env.js"),
  hook: () => import("./commands/programs/hook.js"),
  "hook allow": () => import("./commands/programs/hook-allow.js"),
  "hook deny": () => import("./commands/programs/hook-deny.js"),
  "hook env": () => import("./commands/programs/hook-env.js"),
  bridge: () => import("./commands/programs/bridge.js"),
  mcp: () => import("./commands/clients/mcp.js"),
  list: () => import("./commands/secrets/list.js"),
  grant: () => import("./commands/access/grant.js"),
  revoke: () => import("./commands/access/revoke.js"),
  apply: () => import("./commands/access/apply.js"),
  "mcp install": () => import("./commands/clients/mcp-install.js"),
  "mcp wrap": () => import("./commands/clients/mcp-wrap.js"),
  export: () => import("./commands/secrets/export.js"),
  "hooks install": () => import("./commands/clients/hooks-install.js"),
  "hooks uninstall": () => import("./commands/clients/hooks-uninstall.js"),
  "hooks status": () => import("./commands/clients/hooks-status.js"),
  "hooks answer": () => import("./commands/clients/hooks-answer.js"),
  guard: () => import("./commands/guard/guard.js"),
  "guard install": () => import("./commands/guard/guard-install.js"),
  "guard uninstall": () => import("./commands/guard/guard-install.js"),
  "guard status": () => import("./commands/guard/guard-install.js"),
  sync: () => import("./commands/clones/sync.js"),
  resolve: () => import("./commands/clones/resolve.js"),
  "git setup": () => import("./commands/clones/git-setup.js"),
  "git merge-file": () => import("./commands/clones/git-merge-file.js"),
  use: () => import("./commands/secrets/use.js"),
  explain: () => import("./commands/secrets/explain.js"),
  services: () => import("./commands/secrets/services.js"),
  audit: () => import("./commands/audits/audit.js"),
  "audit verify": () => import("./commands/audits/audit-verify.js"),
  "audit push": () => import("./commands/audits/audit-push.js"),
  "audit suggest": () => import("./commands/audits/audit-suggest.js"),
  access: () => import("./commands/access/access.js"),
  ui: () => import("./commands/access/ui.js"),
  check: () => import("./commands/upkeep/check.js"),
  doctor: () => import("./commands/upkeep/doctor.js"),
  status: () => import("./commands/upkeep/status.js"),
  trust: () => import("./commands/upkeep/trust.js"),
  repair: () => import("./commands/upkeep/repair.js"),
  completion: () => import("./commands/upkeep/completion.js"),
}

/** Loads a command by its name in the table. */
export function commandNamed(name: string): Promise<{ run: Command }> {
  const load = LOADERS[name]
  if (load === undefined) throw new TypeError(`the table names ${name}, which has no module`)
  return load()
}
