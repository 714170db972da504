import { posix } from "node:path"
import { importsOf } from "./imports.ts"

/**
 * The map of `app/`: a folder and the folders it may import. Imports point down, so no two folders name each other.
 * `main.ts` stands above all of them and imports what it likes.
 */
export const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  vault: ["base"],
  store: ["base"],
  face: ["base"],
  access: ["base", "store", "vault"],
  events: ["base", "face", "store", "vault"],
  gallery: ["base", "face", "store", "vault"],
  inference: ["base", "face", "store", "vault"],
  backup: ["base", "store", "vault"],
  cameras: ["base", "face", "store", "vault"],
  sync: ["base", "face", "store", "vault", "gallery", "events"],
  people: ["base", "face", "store", "vault", "gallery", "events"],
  pipeline: ["base", "face", "cameras", "inference", "gallery", "events"],
  // A job that enrols many: it walks the journey of a single picture again and again.
  enrolment: ["base", "face", "store", "vault", "inference", "gallery", "pipeline"],
  // The data folder as a whole: opened, unlocked, sealed. It knows every folder that keeps something in it.
  box: ["base", "store", "vault", "access", "events", "gallery", "enrolment", "people", "sync"],
  http: [
    "base",
    "face",
    "vault",
    "access",
    "events",
    "gallery",
    "inference",
    "cameras",
    "sync",
    "people",
    "pipeline",
    "backup",
    "enrolment",
  ],
  // Only the `options.ts` of these: the configuration is composed, not used.
  config: [
    "base",
    "vault",
    "store",
    "face",
    "access",
    "events",
    "gallery",
    "inference",
    "cameras",
    "sync",
    "people",
    "pipeline",
    "backup",
    "enrolment",
    "http",
  ],
  // Only types: the page runs in a browser.
  admin: ["http"],
  cli: [
    ...["base", "vault", "store", "face", "access", "events", "gallery", "inference", "cameras", "sync", "people"],
    ...["pipeline", "backup", "enrolment", "box", "http", "config"],
  ],
  // Where things meet: what a command needs is opened and put together.
  wiring: [
    ...["base", "vault", "store", "face", "access", "events", "gallery", "inference", "cameras", "sync", "people"],
    ...["pipeline", "backup", "enrolment", "box", "http", "config", "cli"],
  ],
}

/** Through which door of `app/` a package comes in: files, or folders with all below them. `*` is everywhere. */
export const doors: Readonly<Record<string, readonly string[]>> = {
  zod: ["*"],
  hono: ["http/"],
  "bun:sqlite": ["store/"],
  "onnxruntime-node": ["inference/engine/"],
  "@julusian/jpeg-turbo": ["inference/engine/"],
  sharp: ["inference/engine/", "events/pictures/"],
  "@napi-rs/canvas": ["cli/", "events/pictures/"],
  "@fontsource/noto-sans-sc": ["events/pictures/"],
  "hnswlib-node": ["gallery/hnswlib.ts"],
  "modern-tar": ["enrolment/archive/"],
  yauzl: ["enrolment/archive/"],
  "client-zip": ["people/zip.ts"],
  commander: ["cli/"],
  "cli-progress": ["cli/"],
  "jsonc-parser": ["config/"],
  limiter: ["http/rate.ts"],
  "swagger-ui-dist": ["http/docs-files.ts"],
  "lru-cache": ["http/rate.ts", "inference/cache.ts", "vault/keys.ts"],
  "@nats-io/jetstream": ["sync/nats/"],
  "@nats-io/transport-node": ["sync/nats/"],
  "sm-crypto-v2": ["vault/suite-gm.ts", "vault/sm4.ts"],
  "bun:ffi": [
    "base/service/datagrams.ts",
    "base/machine/",
    "vault/libcrypto.ts",
    "inference/placement/scheduler.ts",
    "inference/engine/ort-ffi/",
    "inference/providers/machine.ts",
  ],
  pino: ["base/log.ts"],
  "prom-client": ["base/metrics.ts", "base/metrics-kinds.ts", "base/metrics-process.ts"],
  "@opentelemetry/api": ["base/otlp.ts"],
  "@opentelemetry/exporter-trace-otlp-http": ["base/otlp.ts"],
  "@opentelemetry/resources": ["base/otlp.ts"],
  "@opentelemetry/sdk-trace": ["base/otlp.ts"],
}

/** Files outside `app/` that a file inside may import. */
const outside: Readonly<Record<string, string>> = { "base/version.ts": "../package.json" }

/**
 * What is wrong with the imports of some files.
 * @param files path below `app/` → TypeScript text
 */
export function layerViolations(files: Readonly<Record<string, string>>): string[] {
  const found: string[] = []
  for (const [path, text] of Object.entries(files)) {
    const folder = folderOf(path)
    if (folder !== "main.ts" && layers[folder] === undefined) found.push(`${path}: app/${folder} is not on the map`)
    for (const { from, typeOnly } of importsOf(text)) {
      const why = from.startsWith(".") ? neighbour(path, from, typeOnly) : packageDoor(path, from)
      if (why !== undefined) found.push(`${path} imports ${from}: ${why}`)
    }
  }
  return found
}

function neighbour(path: string, from: string, typeOnly: boolean): string | undefined {
  const target = posix.join(posix.dirname(path), from)
  if (target.startsWith("../")) return outside[path] === target ? undefined : "app/ imports nothing outside itself"
  const [own, other] = [folderOf(path), folderOf(target)]
  if (own === other || own === "main.ts") return undefined
  if (other === "main.ts") return "nothing imports main.ts"
  if (!layers[own]?.includes(other)) return `${own} may not import ${other}`
  if (own === "admin" && !typeOnly) return "the page takes only types from http"
  if (own === "config" && other !== "base" && posix.basename(target) !== "options.ts")
    return "config takes only a folder's options.ts"
  return undefined
}

function packageDoor(path: string, from: string): string | undefined {
  if (from === "bun" || from.startsWith("node:")) return undefined
  const name = from.startsWith("@")
    ? from.split("/").slice(0, 2).join("/")
    : from.startsWith("bun:")
      ? from
      : from.split("/")[0]!
  const allowed = doors[name]
  if (allowed === undefined) return "this package has no door yet (tests/support/layers.ts)"
  const open = allowed.some((door) => door === "*" || door === path || (door.endsWith("/") && path.startsWith(door)))
  return open ? undefined : `it comes in only through ${allowed.join(", ")}`
}

/** `http/v1/faces.ts` → `http`; a file directly in `app/` stands for itself. */
function folderOf(path: string): string {
  return path.split("/")[0]!
}
