import { z } from "zod"

/** How the data folder is sealed, and where the master key lies when it lies in a file. */
export const vaultOptions = z.strictObject({
  /**
   * `aes`: AES-256-GCM, SHA-256, Ed25519, X25519; `gm`: SM4-GCM, SM3, SM2. Chosen when a folder is sealed for the first time; it
   * stays with the folder, whatever stands here later.
   */
  suite: z.enum(["aes", "gm"]).default("aes"),
  /** Of mode 0400, outside the data folder. `null`: the systemd credential `gatehouse-master`, or GATEHOUSE_MASTER_KEY. */
  keyFile: z.string().min(1).nullable().default(null),
})
export type VaultOptions = z.output<typeof vaultOptions>
