/** What integrators know of a person beside the name. */
export interface SubjectDetails {
  /** The person's number in another system; no two subjects share one. */
  readonly externalId?: string | undefined
  readonly metadata?: Metadata | undefined
  readonly groups?: readonly string[] | undefined
  /** From this moment on the person is recognised; always when absent. */
  readonly validFromMs?: number | undefined
  /** From this moment on no longer. */
  readonly validUntilMs?: number | undefined
  /** When and how the person agreed to being recognised. */
  readonly consentNote?: string | undefined
}

export interface Metadata {
  readonly [key: string]: MetadataValue
}
export type MetadataValue = string | number | boolean | readonly MetadataValue[] | Metadata

/** A merge patch (RFC 7396): what is given replaces or joins, `null` takes away, what is absent stays. */
export interface MetadataPatch {
  readonly [key: string]: MetadataValue | MetadataPatch | null
}

/** What is absent stays as it is, `null` clears it. `metadata` is merged, `groups` are replaced. */
export type SubjectChange = { readonly name?: string | undefined; readonly metadata?: MetadataPatch | null | undefined } & {
  readonly [Key in Exclude<keyof SubjectDetails, "metadata">]?: SubjectDetails[Key] | null
}

/** Of the JSON in UTF-8. */
export const metadataBytesMax = 8 * 1024
export const groupsMax = 32

/** What the subject's fields are after the change. */
export function patch(before: SubjectDetails & { readonly name: string }, change: SubjectChange) {
  const after = <Value>(present: Value, wanted: Value | null | undefined) =>
    wanted === undefined ? present : (wanted ?? undefined)
  return {
    name: change.name ?? before.name,
    externalId: after(before.externalId, change.externalId),
    metadata: change.metadata === null ? undefined : mergePatch(before.metadata ?? {}, change.metadata ?? {}),
    groups: after(before.groups, change.groups),
    validFromMs: after(before.validFromMs, change.validFromMs),
    validUntilMs: after(before.validUntilMs, change.validUntilMs),
    consentNote: after(before.consentNote, change.consentNote),
  }
}

/** What is wrong between the fields, in words; each for itself was judged at the door. */
export function whyUnfit({ groups = [], metadata, validFromMs, validUntilMs }: SubjectDetails): string | undefined {
  if (validFromMs !== undefined && validUntilMs !== undefined && validUntilMs <= validFromMs)
    return `validUntilMs (${validUntilMs}) is not after validFromMs (${validFromMs}): the person would never be recognised`
  if (groups.length > groupsMax) return `${groups.length} groups; a person is a member of at most ${groupsMax}`
  const metadataBytes = Buffer.byteLength(JSON.stringify(metadata ?? {}))
  if (metadataBytes > metadataBytesMax)
    return `metadata takes ${metadataBytes} bytes as JSON; at most ${metadataBytesMax} are kept with a person`
  return undefined
}

/** Half-open: valid at `validFromMs` itself, no longer at `validUntilMs`. */
export function isValidAt(
  atMs: number,
  { validFromMs, validUntilMs }: { readonly validFromMs: number | null; readonly validUntilMs: number | null },
): boolean {
  return (validFromMs === null || validFromMs <= atMs) && (validUntilMs === null || atMs < validUntilMs)
}

/** No key is assigned by name, so one called `__proto__` is a key like any other. */
function mergePatch(target: Metadata, patch: MetadataPatch): Metadata {
  const merged = new Map<string, MetadataValue>(Object.entries(target))
  for (const [key, wanted] of Object.entries(patch)) {
    if (wanted === null) merged.delete(key)
    else if (isObject(wanted)) {
      const present = merged.get(key)
      merged.set(key, mergePatch(isObject(present) ? present : {}, wanted))
    } else merged.set(key, wanted)
  }
  return Object.fromEntries(merged)
}

function isObject<Of>(value: Of): value is Extract<Of, MetadataPatch> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
