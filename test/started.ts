/**
 * The environment of this worker before its first file of tests: it runs one after the other, and
 * each begins with that. Kept here, since setup.ts is done again for each.
 */
export const started: NodeJS.ProcessEnv = { ...process.env }
