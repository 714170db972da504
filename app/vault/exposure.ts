import type { MasterSource } from "./master.ts"

/** What somebody reads who takes this disk, for `doctor`, `/v1/system` and the log. */
export interface Exposure {
  /** `warn`: one theft is enough. */
  readonly level: "ok" | "warn"
  readonly text: string
  readonly remedy?: string
}

/** What is worth stealing. */
const everything =
  "the names, numbers and notes of all people, their face vectors (by which others can recognise them), the pictures kept of their faces, and who was seen where and when"

/** What an index, a filter or a clean-up has to read is not sealed. */
const neverSealed =
  "in the clear remain how many people and faces there are, names of groups and cameras, and when which camera saw somebody"

/** @param source of the master key in use; `undefined` without one */
export function exposureOf(source: MasterSource | undefined): Exposure {
  if (source === undefined)
    return {
      level: "warn",
      text: `nothing is sealed: whoever takes this disk or a copy of it reads ${everything}`,
      remedy: `give the box a master key: a systemd credential bound to the TPM, or a file on another disk`,
    }
  switch (source.from) {
    case "credential":
      return source.hasTpm
        ? {
            level: "ok",
            text: `sealed; the master key is the systemd credential ${source.path}. If it was encrypted for this machine's TPM, the disk alone tells nothing; ${neverSealed}`,
          }
        : {
            level: "warn",
            text: `sealed; the master key is the systemd credential ${source.path}, and this machine has no TPM: whoever takes the disk of the system and that of the data reads ${everything}`,
            remedy: "where there is no TPM, keep the credential's host key on another disk than the data",
          }
    case "file":
      return source.onDataDisk
        ? {
            level: "warn",
            text: `sealed, but the master key lies on the same disk (${source.path}): whoever takes that disk reads ${everything}; a copy of the data folder or a backup alone tells nothing`,
            remedy: "move the master key to another disk, or better to a systemd credential bound to the TPM",
          }
        : {
            level: "ok",
            text: `sealed; the master key lies on another disk (${source.path}): the disk of the data alone tells nothing; ${neverSealed}`,
          }
    case "environment":
      return {
        level: "warn",
        text: `sealed; the master key comes from ${source.variable}, and so lies in some unit file or container definition: whoever takes that and this disk reads ${everything}`,
        remedy: "a systemd credential bound to the TPM, or a file on another disk, is safer",
      }
  }
}
