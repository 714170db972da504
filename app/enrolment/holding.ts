import { type Holding, jsonFile } from "../base/holding.ts"
import type { Store } from "../store/store.ts"
import type { Jobs } from "./jobs.ts"
import type { Report } from "./report.ts"

const pageRows = 1000

/** What reports of enrolments hold of a person, and what their faces were made from. All of it leaves with the person's row. */
export function enrolmentsHolding(store: Store, jobs: Pick<Jobs, "get" | "numberOf">, report: Pick<Report, "page">): Holding {
  const selectJobs = store.prepare<{ id: string }>(`
    select id from enrolments where number in (select enrolment_number from enrolment_people where subject_id = ?) order by id`)
  const selectSources = store.prepare<{ faceId: string; sha256: Uint8Array }>(`
    select faces.id as faceId, sha256 from face_sources join faces on faces.number = face_number
    where subject_id = ? order by faces.number`)

  return {
    name: "enrolments",
    tables: ["enrolment_people", "enrolment_items", "enrolment_look_alikes", "face_sources"],

    async *files({ subjectId }) {
      for (const { id } of selectJobs.all(subjectId)) {
        const job = jobs.get(id)
        const items = await itemsOf(id, subjectId)
        yield jsonFile(`enrolments/${id}.json`, { id, createdAtMs: job?.createdAtMs, items })
      }
      const sources = selectSources.all(subjectId).map(({ faceId, sha256 }) => ({ faceId, sha256: sha256.toHex() }))
      if (sources.length > 0) yield jsonFile("faces/made-from.json", sources)
    },
  }

  /** Page by page through the whole job: others are answered in between. Whom the person looks like is about somebody else. */
  async function itemsOf(id: string, subjectId: string) {
    const number = jobs.numberOf(id)
    const found = []
    for (let after: number | undefined, more = number !== undefined; more && number !== undefined; ) {
      const { items, next } = report.page(number, { limit: pageRows, after })
      for (const { lookAlikes, ...item } of items)
        if (item.subjectId === subjectId) found.push({ ...item, lookAlikes: lookAlikes.length })
      after = next
      more = next !== undefined
      await new Promise<void>((resume) => setImmediate(resume))
    }
    return found
  }
}
