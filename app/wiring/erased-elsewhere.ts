import type { Log } from "../base/log.ts"
import type { People } from "../people/people.ts"
import type { ErasedPeople } from "../sync/gallery/side.ts"

/** People who were erased at another box: what is held of them here leaves, one after the other, with a receipt of this box. */
export interface ErasedElsewhere extends ErasedPeople {
  /** Resolves when nobody is left of whom this process has heard. */
  settled(): Promise<void>
}

export function openErasedElsewhere(
  people: Pick<People, "erase" | "erasure" | "noteErasure">,
  log: Pick<Log, "info" | "error">,
): ErasedElsewhere {
  let last: Promise<void> = Promise.resolve()

  async function finish(subjectId: string, faceIds: readonly string[]): Promise<void> {
    try {
      const { kind } = await people.erase(subjectId, 0, faceIds)
      log.info({ subjectId, kind }, "a person was erased at another box of the site")
    } catch (error) {
      log.error(
        { err: error, subjectId },
        "a person whom another box erased is not gone everywhere yet: the next start goes on",
      )
    }
  }

  return {
    isErased: (subjectId) => people.erasure(subjectId) !== undefined,
    noteErasure: people.noteErasure,
    erasedHere(subjectId, faceIds) {
      last = last.then(() => finish(subjectId, faceIds))
    },
    settled: () => last,
  }
}
