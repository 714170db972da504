import { z } from "zod"

/** How the first person gets in. */
export const accessOptions = z.strictObject({
  /**
   * Whether a box without an admin key waits until somebody claims it at /setup, with a one-time code. `auto`: where a file gives
   * the code, as on a box that was flashed; others make an admin key at their first start and print it. `required`: always, as the
   * service does, whose output is a log. `off`: never.
   */
  claim: z.enum(["auto", "required", "off"]).default("auto"),
})
export type AccessOptions = z.output<typeof accessOptions>
