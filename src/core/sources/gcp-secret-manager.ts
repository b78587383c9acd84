import type { ReferenceStore } from "./reference-store.js"

/**
 * Google Cloud Secret Manager, by `gcloud secrets versions access`
 * (https://cloud.google.com/sdk/gcloud/reference/secrets/versions/access). In base64: as text, the
 * program would change bytes that are no UTF-8.
 */
export const GCP_SECRET_MANAGER: ReferenceStore = {
  form: "gcp-sm://PROJECT/SECRET or gcp-sm://PROJECT/SECRET/VERSION",
  reference:
    /^gcp-sm:\/\/(?<project>[a-z][a-z0-9-]{4,61}[a-z0-9])\/(?<secret>[A-Za-z0-9_][A-Za-z0-9_-]{0,254})(?:\/(?<version>latest|[1-9][0-9]{0,9}))?$/,
  mend: "sign in: gcloud auth login",
  async read({ project = "", secret = "", version = "latest" }, { run }) {
    const said = await run("gcloud", [
      "secrets",
      "versions",
      "access",
      version,
      `--secret=${secret}`,
      `--project=${project}`,
      "--format=get(payload.data)",
      "--quiet",
    ])
    const text = said.toString("latin1").trim()
    return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : undefined
  },
}
