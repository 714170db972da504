import { z } from "zod"

/** `https://door.example:8443`, exactly as a browser sends it: no path, no wildcard. */
const origin = z
  .string()
  .refine(
    (text) =>
      !text.includes("*") && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text,
    "an origin such as https://door.example:8443: scheme, host in lower case, port if any, and nothing behind it",
  )

/** The HTTPS door, beside the plain one. */
const tlsOptions = z
  .strictObject({
    /**
     * `own`: with a certificate that the box makes itself. `files`: with that of two files. `auto`: as `own` on a box that is claimed
     * by a code, else as `off`. A box that waits for its owner has the door open whatever stands here: it is claimed through nothing else.
     */
    mode: z.enum(["auto", "off", "own", "files"]).default("auto"),
    /** The network: whoever wants HTTPS on this machine alone says 127.0.0.1. */
    host: z.string().min(1).default("0.0.0.0"),
    /** 0 takes any free port and prints it. */
    port: z.int().min(0).max(65_535).default(8443),
    /** PEM, the box's own first and then those that vouch for it. */
    certFile: z.string().min(1).nullable().default(null),
    /** PEM, without a password. */
    keyFile: z.string().min(1).nullable().default(null),
  })
  .refine(
    ({ mode, certFile, keyFile }) => (mode === "files") === (certFile !== null || keyFile !== null),
    'mode "files" and certFile with keyFile belong together',
  )
  .refine(({ certFile, keyFile }) => (certFile === null) === (keyFile === null), "certFile and keyFile: both, or neither")

/** What the HTTP door can be told. */
export const httpOptions = z.strictObject({
  /** 127.0.0.1 answers this machine alone; 0.0.0.0 answers the network. */
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 takes any free port and prints it. */
  port: z.int().min(0).max(65_535).default(8080),
  tls: tlsOptions.prefault({}),
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
  drainMs: z.int().min(0).default(9000),
})
export type HttpOptions = z.output<typeof httpOptions>
export type TlsOptions = HttpOptions["tls"]
