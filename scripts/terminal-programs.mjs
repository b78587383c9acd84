// Prints where the programs are that the tests start at a terminal, as people use them: tmux, vim, less,
// top, htop and psql, with the server that it asks; installs them where that is possible. Exit code 3: one of
// them cannot be had here.
import { printFound } from "./pinned.mjs"
import { systemPackage } from "./system-package.mjs"

const what = "with which the tests try a terminal"

printFound([
  await systemPackage("tmux", what),
  await systemPackage("vim", what),
  await systemPackage("less", what),
  await systemPackage("top", what, "procps"),
  await systemPackage("htop", what),
  await systemPackage("psql", what, "postgresql"),
])
