import { silentLog } from "../../../app/base/log.ts"
import { holdingsOf } from "../../../app/box/holdings.ts"
import type { Sightings } from "../../../app/events/sighting.ts"
import { openSightings } from "../../../app/events/sightings.ts"
import type { FaceChip } from "../../../app/face/face.ts"
import type { Gallery, NewSubject, Subject } from "../../../app/gallery/gallery.ts"
import { openGallery } from "../../../app/gallery/open.ts"
import { openPeople, type People } from "../../../app/people/people.ts"
import { dataFolderFiles } from "../../../app/store/data-folder.ts"
import { openStore, type Store } from "../../../app/store/store.ts"
import { type GallerySide, openGallerySide } from "../../../app/sync/gallery/side.ts"
import type { HubKeeping } from "../../../app/sync/hub.ts"
import { createOpener } from "../../../app/sync/sealing.ts"
import { type Round, round } from "../../../app/sync/session.ts"
import { openSyncStore } from "../../../app/sync/store/open.ts"
import type { SyncStore } from "../../../app/sync/store/sync-store.ts"
import type { Vault } from "../../../app/vault/vault.ts"
import { openErasedElsewhere } from "../../../app/wiring/erased-elsewhere.ts"
import { randomFrom, randomVector, spaceOf } from "../../gallery/support.ts"
import { createHub } from "../../sim/hub.ts"
import { lineTo } from "../../sim/line.ts"
import { suiteOf } from "../../sim/suite.ts"
import { type TempFolder, tempFolder } from "../../support/shared.ts"
import { plainVaultOf, sealedVaultOf } from "../../support/vault.ts"
import { createSite, type TestSite } from "../support.ts"

/** A box with a gallery, people and the tables of sync in a data folder of its own, at a hub in memory. */
export interface GalleryBox extends AsyncDisposable {
  readonly name: string
  readonly folder: TempFolder
  readonly store: Store
  readonly gallery: Gallery
  readonly sightings: Sightings
  readonly people: People
  readonly syncStore: SyncStore
  readonly side: GallerySide
  /** How often a talk has recorded by the way what was changed here. */
  readonly recordedBeside: () => number
  /** What was changed here is told, and what others told is done. */
  talk(verify?: boolean): Promise<Extract<Round, { kind: "done" }>>
  /** Resolves when whoever was erased elsewhere is gone. */
  settled(): Promise<void>
  close(): Promise<void>
}

export interface GalleryBoxOptions {
  readonly isSealed?: boolean
  readonly chips?: boolean
  /** Another one is disposed of by whoever made it. */
  readonly folder?: TempFolder
  /** False for a box that does not belong to the site yet. */
  readonly isMember?: boolean
  readonly wallClockMs?: () => number
  readonly pageRecords?: number
  /** False for a process that is killed before it does what follows from another box's erasures. */
  readonly hearsErasures?: boolean
}

/** The same whenever a test opens its folder again. */
const material = new Uint8Array(32).fill(9)

export async function openGalleryBox(
  name: string,
  site: TestSite,
  hub: HubKeeping,
  options: GalleryBoxOptions = {},
): Promise<GalleryBox> {
  const {
    isSealed = false,
    chips = false,
    isMember = true,
    wallClockMs = Date.now,
    pageRecords = 64,
    hearsErasures = true,
  } = options
  const folder = options.folder ?? tempFolder()
  const opened = openStore(folder.file(dataFolderFiles.database))
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  store.prepare("pragma synchronous = off").all()
  const vault: Vault = isSealed ? sealedVaultOf(store, "aes", material) : plainVaultOf(store)
  const gallery = await openGallery(store, vault, { wallClockMs })
  const sightings = openSightings(store, vault, gallery.nameOf)
  const people = await openPeople(
    {
      ...{ store, vault, gallery, log: silentLog, holdings: holdingsOf({ store, vault, gallery, sightings }), wallClockMs },
      eraseFromBackups: async () => ({ keysTaken: 0, rewritten: 0, left: [] }),
      copiesLeft: () => [],
    },
    folder.file(dataFolderFiles.erased),
  )
  const syncStore = openSyncStore(store, vault, { wallClockMs })
  if (isMember) syncStore.enter(name)
  const erased = openErasedElsewhere(people, silentLog)
  const keys = site.keysOf(name)
  const heard = hearsErasures ? erased : { ...erased, erasedHere: () => undefined }
  const needs = { store, syncStore, gallery, keys: () => keys, chips, people: heard, log: silentLog, wallClockMs }
  let beside = 0
  const side = openGallerySide({ ...needs, recordedBeside: () => void beside++ })
  const { open } = createOpener(keys)
  const session = { hub, box: side.box, open, pace: () => Promise.resolve(), pageRecords, windowRecords: 16 }
  let closed = false
  async function close(): Promise<void> {
    if (closed) return
    closed = true
    await erased.settled()
    await people.close()
    await gallery.close()
    store.close()
  }
  return {
    ...{ name, folder, store, gallery, sightings, people, syncStore, side, close },
    async talk(verify = true) {
      const done = await round(session, { verify })
      if (done.kind !== "done") throw new Error(done.why)
      await erased.settled()
      return done
    },
    settled: erased.settled,
    recordedBeside: () => beside,
    async [Symbol.asyncDispose]() {
      await close()
      if (options.folder === undefined) folder[Symbol.dispose]()
    },
  }
}

export interface Site extends AsyncDisposable {
  readonly keys: TestSite
  readonly hub: ReturnType<typeof createHub>
  readonly line: HubKeeping
  readonly boxes: readonly GalleryBox[]
  /** Until all know all. */
  agree(): Promise<void>
}

export const boxNames = ["0a0a0a0a", "0b0b0b0b", "0c0c0c0c"] as const

export function testSite(): TestSite {
  return createSite(suiteOf("aes"), boxNames)
}

/** @param clocksOffMs of each box, from the time there is */
export async function openSiteOf(
  count: number,
  options: GalleryBoxOptions = {},
  clocksOffMs: readonly number[] = [],
): Promise<Site> {
  const keys = testSite()
  const hub = createHub()
  const line = lineTo(hub)
  const boxes: GalleryBox[] = []
  for (const [i, name] of boxNames.slice(0, count).entries()) {
    const wallClockMs = () => Date.now() + (clocksOffMs[i] ?? 0)
    boxes.push(await openGalleryBox(name, keys, line, { wallClockMs, ...options }))
  }
  return {
    ...{ keys, hub, line, boxes },
    async agree() {
      for (let turn = 0; turn < 3; turn++) for (const box of boxes) await box.talk()
    },
    async [Symbol.asyncDispose]() {
      for (const box of boxes) await box[Symbol.asyncDispose]()
    },
  }
}

/** What a box's gallery is, as far as it has to be the same on every box. */
export function pictureOf({ gallery }: Pick<GalleryBox, "gallery">): readonly string[] {
  const people: string[] = []
  for (let after: string | undefined, more = true; more; ) {
    const page = gallery.subjects({ limit: 1000, after })
    for (const subject of page.items) people.push(toldOf(gallery, subject))
    after = page.next
    more = page.next !== undefined
  }
  return people
}

function toldOf(gallery: Gallery, { id, name, externalId, metadata, groups, validFromMs, validUntilMs, consentNote }: Subject) {
  const faces = gallery.facesOf(id, { limit: 1000 })?.items.map((face) => `${face.id}${face.hasImage ? "+" : ""}`)
  return JSON.stringify({ id, name, externalId, metadata, groups, validFromMs, validUntilMs, consentNote, faces })
}

export const space = spaceOf(64)
const random = randomFrom(8)

type WithGallery = Pick<GalleryBox, "gallery">

/** A person with one face, as enrolled at the box. */
export function enrol({ gallery }: WithGallery, name: string, fields: Omit<NewSubject, "name"> = {}) {
  const added = gallery.addSubject({ ...fields, name })
  if (added.kind !== "added") throw new Error(added.kind)
  return { subjectId: added.subject.id, ...addFace({ gallery }, added.subject.id) }
}

export function addFace({ gallery }: WithGallery, subjectId: string, chip?: FaceChip) {
  const vector = randomVector(64, random)
  const added = gallery.addFace({ subjectId, space, vector, source: chip ? "picture" : "vector", chip })
  if (added.kind !== "added") throw new Error(added.kind)
  return { faceId: added.face.id, vector }
}

/** Whom the box takes this for. */
export async function found({ gallery }: WithGallery, vector: Float32Array) {
  const [best] = await gallery.search(space, vector, 1)
  return best !== undefined && best.similarity > 0.99 ? { subjectId: best.subjectId, faceId: best.faceId } : undefined
}
