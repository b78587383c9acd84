import type { Rotation } from "../../core/index.js"
import { type Inspection, type SecretRotating, rotationLines } from "../../core/owner.js"

/** Secrets with a rotation that a line names; the others are counted. */
const SHOWN = 5

/** Which secrets have programs that rotate them, in short: those that are due first. */
export function rotatingLines({
  rotates,
}: {
  readonly rotates: readonly SecretRotating[]
}): string[] {
  if (rotates.length === 0) return []
  const inOrder = [...rotates.filter(isDue), ...rotates.filter((each) => !isDue(each))]
  const shown = inOrder
    .slice(0, SHOWN)
    .map(({ secret, due }) => (due.length === 0 ? secret : `${secret} (due: ${due.join(", ")})`))
  const left = rotates.length - shown.length
  const rest = left === 0 ? "" : `, and ${left} more`
  return [`rotates   ${shown.join(", ")}${rest}: agent-vault rotate NAME --dry-run`]
}

/** What a change brings of programs that run on owners' machines, and what it takes away. */
export function rotationChangeLines({ rotations = [] }: Pick<Inspection, "rotations">): string[] {
  return rotations.flatMap(({ secret, before, after }) => {
    const [had, has] = [stepsOf(before), stepsOf(after)]
    return [
      ...has
        .filter((step) => !had.includes(step))
        .map((step) => `rotation   ${secret} gains a program for owners' machines: ${step}`),
      ...had
        .filter((step) => !has.includes(step))
        .map((step) => `rotation   ${secret} loses a program for owners' machines: ${step}`),
    ]
  })
}

function isDue({ due }: SecretRotating): boolean {
  return due.length > 0
}

function stepsOf(rotation: Rotation | undefined): string[] {
  return rotation === undefined ? [] : rotationLines(rotation)
}
