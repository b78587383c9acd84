import type { Command } from "./door/door.js"

/** Each command is loaded when it is called, and no other. */
const LOADERS: Readonly<Record<string, () => Promise<{ run: Command }>>> = {
  init: () => import("./commands/init.js"),
  "agent add": () => import("./commands/agent-add.js"),
  "agent list": () => import("./commands/agent-list.js"),
  "agent show": () => import("./commands/agent-show.js"),
  "agent remove": () => import("./commands/agent-remove.js"),
  "agent recover": () => import("./commands/agent-recover.js"),
  "agent rekey": () => import("./commands/agent-rekey.js"),
  set: () => import("./commands/set.js"),
  get: () => import("./commands/get.js"),
  run: () => import("./commands/run.js"),
  proxy: () => import("./commands/proxy.js"),
  "proxy env": () => import("./commands/proxy-env.js"),
  hook: () => import("./commands/hook.js"),
  "hook allow": () => import("./commands/hook-allow.js"),
  "hook deny": () => import("./commands/hook-deny.js"),
  "hook env": () => import("./commands/hook-env.js"),
  bridge: () => import("./commands/bridge.js"),
  mcp: () => import("./commands/mcp.js"),
  list: () => import("./commands/list.js"),
  grant: () => import("./commands/grant.js"),
  revoke: () => import("./commands/revoke.js"),
  apply: () => import("./commands/apply.js"),
  "mcp install": () => import("./commands/mcp-install.js"),
  "mcp wrap": () => import("./commands/mcp-wrap.js"),
  export: () => import("./commands/export.js"),
  "hooks install": () => import("./commands/hooks-install.js"),
  "hooks uninstall": () => import("./commands/hooks-uninstall.js"),
  "hooks status": () => import("./commands/hooks-status.js"),
  "hooks answer": () => import("./commands/hooks-answer.js"),
  guard: () => import("./commands/guard.js"),
  "guard install": () => import("./commands/guard-install.js"),
  "guard uninstall": () => import("./commands/guard-install.js"),
  "guard status": () => import("./commands/guard-install.js"),
  sync: () => import("./commands/sync.js"),
  resolve: () => import("./commands/resolve.js"),
  "git setup": () => import("./commands/git-setup.js"),
  "git merge-file": () => import("./commands/git-merge-file.js"),
  use: () => import("./commands/use.js"),
  explain: () => import("./commands/explain.js"),
  services: () => import("./commands/services.js"),
  audit: () => import("./commands/audit.js"),
  "audit verify": () => import("./commands/audit-verify.js"),
  "audit push": () => import("./commands/audit-push.js"),
  "audit suggest": () => import("./commands/audit-suggest.js"),
  access: () => import("./commands/access.js"),
  ui: () => import("./commands/ui.js"),
  check: () => import("./commands/check.js"),
  doctor: () => import("./commands/doctor.js"),
  status: () => import("./commands/status.js"),
  trust: () => import("./commands/trust.js"),
  repair: () => import("./commands/repair.js"),
  completion: () => import("./commands/completion.js"),
}

/** Loads a command by its name in the table. */
export function commandNamed(name: string): Promise<{ run: Command }> {
  const load = LOADERS[name]
  if (load === undefined) throw new TypeError(`the table names ${name}, which has no module`)
  return load()
}
