import { Database } from "bun:sqlite"
import { join } from "node:path"
import { entityOf } from "../../../app/sync/entity.ts"
import { openNatsHub } from "../../../app/sync/nats/hub.ts"
import type { HubAccess } from "../../../app/sync/nats/setup/access.ts"
import { filesWith } from "../../../tests/sync/nats/residue.ts"
import type { SyncBox } from "./box.ts"
import type { People } from "./people.ts"

/** Bytes by which somebody is known on a disk. */
export interface Trace {
  readonly what: string
  readonly bytes: Uint8Array
}

export interface Somebody {
  readonly subjectId: string
  readonly faceId: string
}

/** Long enough that nothing else looks like it. */
const traceBytes = 64

/** The name as it lies in the database, and the face's numbers. Of folders that are not sealed. */
export function plainTraces(people: People, number: number): readonly Trace[] {
  const vector = people.vectorOf(number)
  const floats = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
  return [
    { what: `name of ${number}`, bytes: new TextEncoder().encode(`"${people.nameOf(number)}"`) },
    { what: `vector of ${number}`, bytes: floats.slice(400, 400 + traceBytes) },
  ]
}

/**
 * The record of the face as it lies at the hub, and on boxes that are not sealed.
 * @param part of the face, its chip
 */
export async function recordTrace(keeper: HubAccess, { subjectId, faceId }: Somebody, part?: string): Promise<Trace> {
  const opened = await openNatsHub(keeper)
  if (opened.kind === "failed") throw new Error(opened.why)
  try {
    const latest = await opened.value.latest("records", entityOf(subjectId, faceId, ...(part === undefined ? [] : [part]))!)
    if (latest.kind !== "found") throw new Error(`the hub has no record of ${faceId}`)
    return {
      what: `record of ${subjectId}${part === undefined ? "" : ", its chip"}`,
      bytes: latest.entry.bytes.slice(200, 200 + traceBytes),
    }
  } finally {
    await opened.value.close()
  }
}

/** What a box keeps of the face, however it is sealed there: the vector and the record, as they lie in its tables. */
export function storedTraces(box: SyncBox, { subjectId, faceId }: Somebody): readonly Trace[] {
  using database = new Database(join(box.folder, "gatehouse.db"), { readonly: true })
  const entity = Buffer.from(`${subjectId}${faceId}`.replaceAll("-", ""), "hex")
  const vector = database.query<{ vector: Uint8Array }, [string]>("select vector from faces where id = ?").get(faceId)?.vector
  const record = database
    .query<{ bytes: Uint8Array }, [Uint8Array]>(
      "select bytes from sync_bytes join sync_rows on bytes_number = sync_bytes.number where entity = ?",
    )
    .get(entity)?.bytes
  if (vector === undefined || record === undefined) throw new Error(`${box.name} keeps nothing of ${faceId}`)
  return [
    { what: `stored vector of ${subjectId} at ${box.name}`, bytes: vector.slice(400, 400 + traceBytes) },
    { what: `stored record of ${subjectId} at ${box.name}`, bytes: record.slice(200, 200 + traceBytes) },
  ]
}

/** Which files hold which traces; none where a trace is in no file. */
export async function filesWithTraces(
  traces: readonly Trace[],
  folders: readonly { readonly name: string; readonly folder: string }[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const where = new Map<string, readonly string[]>()
  for (const { what, bytes } of traces) {
    const files: string[] = []
    for (const { name, folder } of folders)
      files.push(...(await filesWith(folder, bytes, "some", 1)).map((path) => path.replace(folder, name)))
    if (files.length > 0) where.set(what, files)
  }
  return where
}
