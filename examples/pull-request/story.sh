#!/bin/sh
# A team's pull request that asks for access, and the owner's apply: the whole story, in the
# repository that you are in, which has a vault, an agent `robot` and a group `weather`.
#
#   sh story.sh
set -eu
cd "$(git rev-parse --show-toplevel)"
manifest=.agent-vault/manifest.yaml
base=$(git branch --show-current)

echo "== a colleague proposes a line"
git switch --quiet --create robot-asks
printf '  - { agent: robot, group: weather, reason: forecast }\n' >> "$manifest"
git commit --quiet --all --message "robot asks for weather"

echo "== the pull request's check: 1 says that an owner has something to do"
agent-vault check --against "$base" || test $? -eq 1

echo "== it is merged, and lets nobody in"
git switch --quiet "$base"
git merge --quiet --no-edit robot-asks
agent-vault get weather/api-key --agent robot && exit 1

echo "== the owner sees the plan, and applies just that"
plan=$(agent-vault apply --dry-run --json | sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p')
agent-vault apply --yes --plan "$plan"

echo "== now robot reads"
agent-vault get weather/api-key --agent robot
