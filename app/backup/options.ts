import { z } from "zod"

/** When the box makes backups by itself, and where they lie. */
export const backupOptions = z.strictObject({
  /** Below the data folder unless absolute. On another disk they outlive this one. */
  folder: z.string().min(1).default("backups"),
  /** Hours from one to the next; 0 makes none. */
  everyHours: z.number().min(0).max(10_000).default(24),
  /** So many of them stay; older ones leave. */
  keep: z.int().min(1).max(1000).default(7),
  /** All of them together; older ones leave, but never the newest. */
  bytesMax: z
    .int()
    .min(1_000_000)
    .default(8 * 1024 * 1024 * 1024),
})
export type BackupOptions = z.output<typeof backupOptions>
