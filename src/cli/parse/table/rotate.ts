import { ROTATION_STEPS } from "../../../core/index.js"
import type { CommandSpec } from "../call.js"
import { AUDIT, CHANGE, JSON_OUT } from "./options.js"

/** Secrets get new values from programs that their records name. */
export const ROTATE: readonly CommandSpec[] = [
  {
    name: "rotate",
    words: "[group/name]",
    summary: "give secrets new values, by the programs that their records name",
    options: {
      exposed: { describe: "all that somebody could read who no longer may" },
      expiring: {
        value: "WITHIN",
        describe: "all that expire within this time, 30d, or by this UTC date",
      },
      "used-since": {
        value: "WHEN",
        describe:
          "all that agents used since this UTC date or time, or 12h ago, by the audits of this machine",
      },
      agree: {
        value: "FINGERPRINT",
        many: true,
        describe: "agree to these very programs on this machine; --dry-run shows it",
      },
      timeout: {
        value: "DURATION",
        describe:
          "how long each program may take, in whole minutes or hours: 10m, 2h (default: 5m)",
      },
      expires: {
        value: "WHEN",
        describe: "when the new value ends: a UTC date, or 90d (default: when the old one did)",
      },
      discard: { describe: "give up a rotation that is under way, and the new value that it got" },
      forget: { describe: "take the programs out of the record" },
      ...AUDIT,
      ...CHANGE,
    },
    examples: [
      [
        "agent-vault rotate stripe/api-key --dry-run",
        "what would run, and whether that was agreed to",
      ],
      ["agent-vault rotate stripe/api-key", "make a new value, test it, set it, end the old one"],
      ["agent-vault rotate --exposed", "after a revoke: one after the other"],
      ["agent-vault rotate --expiring 7d --expires 90d", "what ends soon, with a new end"],
      ["agent-vault rotate --used-since 2h --dry-run", "after an agent's run: what it used"],
    ],
    notes:
      "A record says what runs, and a person on each machine agrees to it before it does. A new value that could not be set stays on this machine, sealed to the owners: the same command goes on with it. Options that select secrets hold together; each rotation is a commit of its own, and one that fails by its own programs stops no other. Exit 1: some were not rotated.",
  },
  {
    name: "rotation",
    words: "-- <command> [arg..]",
    summary: "say which program rotates a secret; runs nothing",
    options: {
      secret: {
        value: "GROUP/NAME",
        short: "s",
        many: true,
        describe: "the one secret that is meant",
      },
      step: {
        value: "STEP",
        choices: ROTATION_STEPS,
        describe:
          "run (the default): old value on stdin, prints the new one; test: new value on stdin; end: old value on stdin",
      },
      ...CHANGE,
    },
    examples: [
      [
        "agent-vault rotation -s stripe/api-key -- /usr/local/bin/roll-stripe-key",
        "what makes a new value",
      ],
      [
        "agent-vault rotation -s stripe/api-key --step test -- /usr/local/bin/try-stripe-key",
        "what tries it: 0 is good",
      ],
    ],
    notes:
      "The program and its arguments stand in the signed record, where everybody reads them: no value belongs there. No shell reads them.",
  },
  {
    name: "roll",
    words: "<issuer>",
    summary: "buy a new value with an old one, at a service that documents that; for rotations",
    options: {
      test: { describe: "try the value on stdin instead: 0 if the service takes it" },
      url: {
        value: "URL",
        describe: "where the service is, if not at its own place: https://gitlab.example.com",
      },
      expires: {
        value: "WHEN",
        describe: "when the new value ends, where the service asks for it: a UTC date, or 90d",
      },
      ...JSON_OUT,
    },
    examples: [
      ["agent-vault roll gitlab --expires 90d", "as the program that makes a new value"],
      ["agent-vault roll gitlab --test", "as the program that tries it"],
    ],
    notes:
      "Old value on stdin, new one on stdout, as `agent-vault rotate` runs it: agent-vault rotation -s gitlab/token -- agent-vault roll gitlab. There is cloudflare and gitlab. The old value ends with it: see docs/rotate.md.",
  },
]
