import { z } from "zod"

/** What the HTTP door can be told. */
export const httpOptions = z.strictObject({
  /** 127.0.0.1 answers this machine alone; 0.0.0.0 answers the network. */
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 takes any free port and prints it. */
  port: z.int().min(0).max(65_535).default(8080),
  /** The engines take no more than 8 MiB, so neither does this door. */
  imageBytesMax: z
    .int()
    .min(10_000)
    .max(8 * 1024 * 1024)
    .default(8 * 1024 * 1024),
  /** How long requests in flight may take to end when the box stops. */
  drainMs: z.int().min(0).default(10_000),
})
export type HttpOptions = z.output<typeof httpOptions>
