import { z } from "zod"

const mebibyte = 1024 * 1024

/** What the HTTP door can be told. */
export const httpOptions = z.strictObject({
  /** 127.0.0.1 answers this machine alone; 0.0.0.0 answers the network. */
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 takes any free port and prints it. */
  port: z.int().min(0).max(65_535).default(8080),
  imageBytesMax: z
    .int()
    .min(10_000)
    .max(64 * mebibyte)
    .default(8 * mebibyte),
  /** Bodies of all requests in flight together; the next one is refused at once. Holds at least one of the largest bodies. */
  intakeBytesMax: z
    .int()
    .min(64 * mebibyte)
    .default(256 * mebibyte),
  /** How long requests in flight may take to end when the box stops. */
  drainMs: z.int().min(0).default(10_000),
})
export type HttpOptions = z.output<typeof httpOptions>
