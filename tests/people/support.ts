import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { silentLog } from "../../app/base/log.ts"
import { holdingsOf } from "../../app/box/holdings.ts"
import type { Sightings } from "../../app/events/sighting.ts"
import { openSightings } from "../../app/events/sightings.ts"
import type { FaceChip } from "../../app/face/face.ts"
import type { Gallery } from "../../app/gallery/gallery.ts"
import { indexFolderOf, openGallery } from "../../app/gallery/open.ts"
import { openPeople, type People, type PeopleNeeds } from "../../app/people/people.ts"
import { dataFolderFiles } from "../../app/store/data-folder.ts"
import { openStore, type Store } from "../../app/store/store.ts"
import type { Vault } from "../../app/vault/vault.ts"
import { randomFrom, randomVector, spaceOf } from "../gallery/support.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"
import { plainVaultOf } from "../support/vault.ts"

export const space = spaceOf(64)

export interface PeopleBox extends AsyncDisposable {
  readonly folder: TempFolder
  readonly store: Store
  readonly vault: Vault
  readonly gallery: Gallery
  readonly sightings: Sightings
  readonly people: People
  close(): Promise<void>
}

export interface PeopleBoxOptions extends Partial<Omit<PeopleNeeds, "store" | "vault" | "gallery" | "holdings">> {
  /** Another one is disposed of by whoever made it. */
  readonly folder?: TempFolder
  readonly vaultOf?: (store: Store) => Vault
  /** A graph is built from so many faces on. */
  readonly scannedMax?: number
}

/** A data folder with everything that holds people, as a box opens it. */
export async function openPeopleBox(options: PeopleBoxOptions = {}): Promise<PeopleBox> {
  const { folder = tempFolder(), vaultOf = plainVaultOf, scannedMax, ...overrides } = options
  const opened = openStore(folder.file(dataFolderFiles.database))
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  const vault = vaultOf(store)
  const indexFolder = indexFolderOf(folder.path)
  const gallery = await openGallery(store, vault, { indexFolder, ...(scannedMax !== undefined && { scannedMax }) })
  const sightings = openSightings(store, vault, gallery.nameOf)
  const holdings = holdingsOf({ store, vault, gallery, sightings })
  const needs: PeopleNeeds = {
    ...{ store, vault, gallery, holdings, log: silentLog },
    eraseFromBackups: async () => ({ keysTaken: 0, rewritten: 0, left: [] }),
    copiesLeft: () => [],
    ...overrides,
  }
  const people = await openPeople(needs, folder.file(dataFolderFiles.erased))
  let closed = false
  const close = async () => {
    if (closed) return
    closed = true
    await people.close()
    await gallery.close()
    store.close()
  }
  return {
    ...{ folder, store, vault, gallery, sightings, people, close },
    async [Symbol.asyncDispose]() {
      await close()
      if (options.folder === undefined) folder[Symbol.dispose]()
    },
  }
}

export interface Planted {
  readonly subjectId: string
  readonly name: string
  /** Byte sequences by which the person would be found. */
  readonly traces: Readonly<Record<string, Uint8Array>>
}

const random = randomFrom(20)

/** Bytes that nobody else has, of a length that spans pages. */
function noise(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256)))
}

export const faceBox = { x: 100, y: 80, width: 120, height: 150 }
const face = { box: faceBox, score: 0.9, qualityScore: 0.8, similarity: 0.7 }

/** Somebody with two faces, a picture of each, and three sightings with a snapshot: one alone, one with a stranger, one with `other`. */
export function plant(box: Pick<PeopleBox, "gallery" | "sightings">, number: number, other?: string): Planted {
  const name = `Planted ${number} ${createHash("sha256").update(String(number)).digest("hex").slice(0, 12)}`
  const note = `note of ${noise(12).toString("hex")}`
  const externalId = `ext-${noise(8).toString("hex")}`
  const added = box.gallery.addSubject({
    name,
    externalId,
    consentNote: note,
    groups: ["staff"],
    metadata: { badge: `b-${note}` },
  })
  if (added.kind !== "added") throw new Error(added.kind)
  const subjectId = added.subject.id
  const traces: Record<string, Uint8Array> = {
    name: Buffer.from(name),
    note: Buffer.from(note),
    externalId: Buffer.from(externalId),
  }
  for (const [i, bytes] of [3000, 9000].entries()) {
    const vector = randomVector(64, random)
    const chip: FaceChip = {
      jpeg: noise(bytes),
      size: { width: 10, height: 10 },
      landmarks: [
        [1, 1],
        [2, 1],
        [1, 2],
        [1, 3],
        [2, 3],
      ],
    }
    const { kind } = box.gallery.addFace({ subjectId, space, vector, source: "picture", chip })
    if (kind !== "added") throw new Error(kind)
    traces[`vector ${i}`] = Buffer.from(vector.slice().buffer)
    traces[`chip ${i}`] = chip.jpeg
  }
  const own = { ...face, decision: "match" as const, subjectId }
  const stranger = { ...face, box: { ...faceBox, x: 400 }, decision: "unknown" as const }
  const known = other === undefined ? [] : [[own, { ...stranger, decision: "match" as const, subjectId: other }]]
  for (const [i, faces] of [[own], [own, stranger], ...known].entries()) {
    const snapshot = noise(5000)
    const recorded = box.sightings.record({
      ...{
        camera: "door",
        requestId: crypto.randomUUID(),
        capturedAtMs: 1_700_000_000_000 + i,
        image: { width: 640, height: 480 },
      },
      ...{ faces, snapshot },
    })
    if (recorded.kind !== "recorded") throw new Error(recorded.why)
    traces[`snapshot ${i}`] = snapshot
  }
  return { subjectId, name, traces }
}

/** Every trace of these people in any file below a folder: `file: name, trace`. */
export function tracesIn(folder: string, people: readonly Planted[]): string[] {
  return filesBelow(folder).flatMap((path) => {
    const bytes = readFileSync(path)
    return people.flatMap(({ name, traces }) =>
      Object.entries(traces).flatMap(([what, trace]) => {
        // A part of it from the middle is a trace as well.
        const part = trace.subarray(Math.floor(trace.length / 3), Math.floor(trace.length / 3) + 32)
        return bytes.includes(part) ? [`${path.slice(folder.length + 1)}: ${what} of ${name}`] : []
      }),
    )
  })
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? filesBelow(path) : [path]
  })
}
