/**
 * The environment variable that `agent-vault run` sets to a secret by default: the one of its record
 * (`set --env`), else its name in upper case, with `_` for all but letters and digits.
 * `stripe/api-key` is `STRIPE_API_KEY`, `3d/token` is `_3D_TOKEN`.
 */
export function variableName({
  name,
  env,
}: {
  readonly name: string
  readonly env?: string | undefined
}): string {
  if (env !== undefined) return env
  return name
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "_")
    .replace(/^(?=[0-9])/, "_")
}
