/** The variables by which clients of AWS sign: with the key, in the name of its id, which is no secret. */
export const AWS_VARIABLES = { key: "AWS_SECRET_ACCESS_KEY", id: "AWS_ACCESS_KEY_ID" } as const
