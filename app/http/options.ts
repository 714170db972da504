import { z } from "zod"

/** `https://door.example:8443`, exactly as a browser sends it: no path, no wildcard. */
const origin = z
  .string()
  .refine(
    (text) =>
      !text.includes("*") && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text,
    "an origin such as https://door.example:8443: scheme, host in lower case, port if any, and nothing behind it",
  )

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
  /** So many requests a second from one client (its key, else its address) for long, and so many at once; a rate of 0 is no limit. */
  ratePerSecond: z.number().min(0).max(1_000_000).default(200),
  rateBurst: z.int().min(1).max(1_000_000).default(400),
  /** Pages of these origins may ask from a browser (CORS); without any, none but our own. */
  corsOrigins: z.array(origin).max(100).default([]),
  /** A body that is not there after this time is given up: no caller may hold its place for ever. */
  bodyReadMs: z.int().min(100).max(80_000).default(20_000),
  /**
   * Who may take a CPU profile or a heap snapshot, always with a key: callers on this machine, or from the network too. A heap
   * snapshot holds whatever is in memory, names and vectors of people among it.
   */
  diagnostics: z.enum(["off", "local", "network"]).default("local"),
  /**
   * A stream of events says something at least so often: proxies forget a connection that has been still for a minute, and the
   * box itself closes one after 24 s.
   */
  heartbeatMs: z.int().min(100).max(20_000).default(15_000),
  /** How long requests in flight may take to end when the box stops. */
  drainMs: z.int().min(0).default(10_000),
})
export type HttpOptions = z.output<typeof httpOptions>
