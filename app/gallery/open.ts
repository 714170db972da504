import { join } from "node:path"
import { type Log, silentLog } from "../base/log.ts"
import { type Space, toUnit } from "../face/embedding.ts"
import type { Store } from "../store/store.ts"
import type { Vault } from "../vault/vault.ts"
import { findAlike, nobodyAlike } from "./alike.ts"
import { openChanges } from "./changes.ts"
import { checkIndex, type IndexCheck } from "./check.ts"
import { openChips } from "./chips.ts"
import { type Exchange, openExchange } from "./exchange.ts"
import { openFaces } from "./faces.ts"
import type { Candidate, Gallery } from "./gallery.ts"
import { openGroupMembers } from "./group-members.ts"
import { type Impostors, openImpostors } from "./impostors.ts"
import { openSpaceIndex, type SpaceIndex } from "./index.ts"
import type { SnapshotSealing } from "./index-messages.ts"
import { startIndexWorker } from "./index-thread.ts"
import { openMoves } from "./moves.ts"
import { searchOthers, searchSubjects } from "./search.ts"
import { createOpeners } from "./secrets.ts"
import { floatsKeptMaxDefault, scannedMaxDefault } from "./shared-index.ts"
import { openSubjects } from "./subjects.ts"
import { openValidFaces } from "./valid-faces.ts"
import { openVectors } from "./vectors.ts"

export interface GalleryOptions {
  readonly log?: Log
  /** Up to so many faces of a space are compared one by one, which is exact; above it a graph is built beside them. */
  readonly scannedMax?: number
  /** Of more than so many faces of a space only codes stay in memory, and the vectors of the best are read from the disk. */
  readonly floatsKeptMax?: number
  /** Wall time, milliseconds since 1970; for tests that live at another time. */
  readonly wallClockMs?: () => number
  /** Where snapshots of the indexes lie; without it large indexes are built anew at every start. */
  readonly indexFolder?: string
  /** For tests that want to hold the threads of an index in their hands. */
  readonly startWorker?: () => Worker
}

/** Resolves when every index holds its faces: from then on searches are quick, and exact until its graph is built. */
export async function openGallery(store: Store, vault: Vault, options: GalleryOptions = {}): Promise<Gallery> {
  const wallClockMs = options.wallClockMs ?? Date.now
  const changes = openChanges(store)
  const chips = openChips(store, vault)
  const openers = createOpeners(vault, options.log ?? silentLog)
  const vectors = openVectors(store, changes, openers)
  const faces = openFaces(store, vault, openers, changes, chips, wallClockMs, (space) => indexes.get(space)?.follow())
  const subjects = openSubjects(store, vault, openers, faces, changes, wallClockMs)
  const indexes = new Map<Space, SpaceIndex>()

  function indexOf(space: Space, spaceNumber: number): SpaceIndex {
    const present = indexes.get(space)
    if (present !== undefined) return present
    const index = openSpaceIndex(space, {
      vectorsAfter: (number, limit) => vectors.after({ space, spaceNumber }, number, limit),
      vectorAt: (number) => vectors.at({ space, spaceNumber }, number),
      changesSince: (seq, limit) => vectors.changedSince({ space, spaceNumber }, seq, limit),
      lastSeq: changes.lastSeq,
      facesCount: () => faces.spaces().find((count) => count.space === space)?.faces ?? 0,
      snapshotPath: options.indexFolder === undefined ? undefined : join(options.indexFolder, snapshotName(space)),
      snapshotSealing: snapshotSealing(vault),
      scannedMax: options.scannedMax ?? scannedMaxDefault,
      floatsKeptMax: options.floatsKeptMax ?? floatsKeptMaxDefault,
      startWorker: options.startWorker ?? startIndexWorker,
      log: options.log ?? silentLog,
    })
    indexes.set(space, index)
    return index
  }

  for (const { space } of faces.spaces()) indexOf(space, faces.spaceNumber(space) ?? 0)
  await Promise.all([...indexes.values()].map((index) => index.started))

  const impostors = openImpostors(store, vault, openers, wallClockMs)
  const moves = openMoves(store, vault, { faces, chips, impostors, subjects, changes }, wallClockMs)
  let exchange: Exchange | undefined
  const openIndex = (space: Space) => void indexOf(space, faces.spaceNumber(space) ?? 0)
  const membersOf = openGroupMembers(store, changes.lastSeq)
  const searchNeeds = {
    faces,
    vectorsAfter: vectors.after,
    validFaces: openValidFaces(store, changes.lastSeq),
    membersOf,
    indexOf,
    wallClockMs,
  }
  return {
    createSubject: subjects.create,
    addSubject: subjects.add,
    subject: subjects.get,
    nameOf: subjects.nameOf,
    subjects: subjects.page,
    updateSubject: subjects.update,
    deleteSubject: subjects.delete,
    addFace: faces.add,
    face: faces.get,
    facesOf: faces.of,
    faceImage: chips.of,
    deleteFace: faces.delete,
    moves,
    exchange: () => (exchange ??= openExchange({ store, faces, subjects, chips, changes, moves, openIndex, wallClockMs })),
    storedVector: faces.vectorOf,
    vectorIn: (faceId, space) => faces.vectorIn(faceId, space),
    faceIdsAfter: faces.idsAfter,
    addTwin: faces.addTwin,
    withoutTwin: faces.withoutTwin,
    coverage: faces.coverage,
    async overwriteRemoved() {
      await Promise.all([...indexes.values()].map((index) => index.overwriteRemoved()))
    },
    impostors,
    async search(space, vector, count, group) {
      const candidates = await searchSubjects(searchNeeds, space, vector, count, group)
      return withImpostors(candidates, impostors, space, vector)
    },
    facesSearched(space, group) {
      const spaceNumber = faces.spaceNumber(space)
      if (spaceNumber === undefined) return 0
      if (group !== undefined) return membersOf(spaceNumber, group).length
      const { state, faces: indexed } = indexOf(space, spaceNumber).status()
      return state === "failed" ? (faces.spaces().find((count) => count.space === space)?.faces ?? 0) : indexed
    },
    lookAlikes: (faceId, count) => searchOthers(searchNeeds, faceId, count),
    findAlike(space, options) {
      const spaceNumber = faces.spaceNumber(space)
      return spaceNumber === undefined
        ? Promise.resolve(nobodyAlike())
        : findAlike(searchNeeds, { space, spaceNumber }, options)
    },
    counts() {
      const spaces = faces.spaces().filter((space) => space.faces > 0)
      const rows = spaces.reduce((sum, space) => sum + space.faces, 0)
      return { subjects: subjects.count(), faces: rows - faces.twins(), spaces }
    },
    async indexesSaved() {
      await Promise.all([...indexes.values()].map((index) => index.settled()))
    },
    async checkIndexes() {
      const checks: IndexCheck[] = []
      for (const [space, index] of indexes) {
        const numbered = { space, spaceNumber: faces.spaceNumber(space) ?? 0 }
        checks.push(await checkIndex(faces, vectors, index, numbered))
      }
      return checks
    },
    indexStatus: () => [...indexes.values()].map((index) => index.status()),
    async close() {
      await Promise.all([...indexes.values()].map((index) => index.close()))
    },
  }
}

/** Which of them a person said are somebody else, as near as the asked face comes to that one. */
function withImpostors(
  candidates: readonly Candidate[],
  { any, nearest }: Impostors,
  space: Space,
  vector: Float32Array,
): readonly Candidate[] {
  const unit = candidates.length > 0 && any() ? toUnit(vector) : undefined
  if (unit === undefined) return candidates
  return candidates.map((candidate) => {
    const impostorSimilarity = nearest(candidate.subjectId, space, unit)
    return impostorSimilarity === undefined ? candidate : { ...candidate, impostorSimilarity }
  })
}

/** Snapshots of indexes lie beside the database, which they are derived from. They may be deleted at any time. */
export function indexFolderOf(dataFolder: string): string {
  return join(dataFolder, "index")
}

/** Graphs are about everybody: they have a key of the site. */
function snapshotSealing(vault: Vault): SnapshotSealing | undefined {
  const key = vault.keyOf("site/index")
  return key && { suite: key.suite.name, id: key.id, bytes: key.bytes }
}

/** A file's name for a space: without the slash. */
export function snapshotName(space: Space): string {
  return `${space.replace("/", "-")}.graph`
}
