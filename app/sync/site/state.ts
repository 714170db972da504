import { z } from "zod"
import { assert } from "../../base/assert.ts"
import type { KeyPair } from "../../vault/suite.ts"
import { type HubAccess, hubAccess } from "../nats/setup/access.ts"

/**
 * What a member of a site keeps of it, as one sealed setting: one value, so that keys, members and tokens are never of different
 * days. JSON with bytes in base64.
 */
export interface SiteState {
  readonly suite: "aes" | "gm"
  readonly access: HubAccess
  readonly joinedAtMs: number
  readonly signing: KeyPair
  readonly envelopeSeed: Uint8Array
  /** As the authority signed it. */
  readonly roster: Uint8Array
  /** By their epochs, also when a later roster has no key for this box any more. */
  readonly keys: readonly { readonly epoch: number; readonly key: Uint8Array }[]
  /** Of the box that holds the site's authority. */
  readonly authority?: AuthorityState
}

export interface AuthorityState {
  readonly pair: KeyPair
  readonly invitations: readonly Invitation[]
}

export interface Invitation {
  /** 8 hexadecimal digits: the one box that may join by it. */
  readonly box: string
  /** What it will be called. */
  readonly name: string
  readonly secret: Uint8Array
  readonly expiresAtMs: number
  readonly usedAtMs?: number
}

/** Of the sync settings (store/settings.ts). */
export const settingNames = {
  state: "site/state",
  heard: "site/heard",
  joining: "site/joining",
  own: "site/own/",
  cleared: "site/cleared",
} as const

export const bytesAsText = z.base64().transform((text): Uint8Array => Uint8Array.fromBase64(text))
const keyPair = z.strictObject({ privateKey: bytesAsText, publicKey: bytesAsText })

const siteState = z.strictObject({
  suite: z.enum(["aes", "gm"]),
  access: hubAccess,
  joinedAtMs: z.int(),
  signing: keyPair,
  envelopeSeed: bytesAsText,
  roster: bytesAsText,
  keys: z.array(z.strictObject({ epoch: z.int(), key: bytesAsText })),
  authority: z
    .strictObject({
      pair: keyPair,
      invitations: z.array(
        z.strictObject({
          box: z.string(),
          name: z.string(),
          secret: bytesAsText,
          expiresAtMs: z.int(),
          usedAtMs: z.int().exactOptional(),
        }),
      ),
    })
    .exactOptional(),
})

/** A box on its way into a site: the pairs that it brings, so that who asks again asks the same. */
export interface JoiningState {
  readonly token: string
  readonly signing: KeyPair
  readonly envelopeSeed: Uint8Array
  readonly atMs: number
}

const joiningState = z.strictObject({
  token: z.string(),
  signing: keyPair,
  envelopeSeed: bytesAsText,
  atMs: z.int(),
})

export function encodeSetting(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(asText(value)))
}

/** Before JSON: a Buffer has a form of its own there. */
function asText(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.toBase64()
  if (Array.isArray(value)) return value.map(asText)
  if (value === null || typeof value !== "object") return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, asText(part)]))
}

export const decodeState = (bytes: Uint8Array): SiteState => decodeSetting(siteState, bytes)
export const decodeJoining = (bytes: Uint8Array): JoiningState => decodeSetting(joiningState, bytes)

/** What this program wrote and the vault has proved to be so. */
export function decodeSetting<Schema extends z.ZodType>(schema: Schema, bytes: Uint8Array): z.output<Schema> {
  const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(bytes)))
  assert(parsed.success, `a setting of sync is as it was written: ${parsed.success ? "" : z.prettifyError(parsed.error)}`)
  return parsed.data
}
