import { expect, test } from "bun:test"
import { similarity } from "../../app/face/embedding.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { createJudge } from "../../app/pipeline/judge.ts"
import { nameOf } from "../../app/pipeline/name.ts"
import { decisionOptions } from "../../app/pipeline/options.ts"
import { openStore } from "../../app/store/store.ts"
import { tempFolder } from "../support/shared.ts"
import { plainVaultOf } from "../support/vault.ts"
import { canJudge, embedPhotographs, judgedSets } from "./photographs.ts"

const knownCount = 100
const strangerCount = 60
/** Measured: 97, 92 and 96. */
const rightMin = { better: 95, light: 90, default: 95 } as const

for (const name of judgedSets) {
  test.skipIf(!canJudge(name))(
    `${name}: of 100 people enrolled with one photograph most are named by another, and strangers are not`,
    async () => {
      const { set, list, vectors } = await embedPhotographs(name)
      const byPerson = Map.groupBy(list.pictures.map((picture) => picture.file).sort(), (file) => file.split("/")[0] ?? "")
      const people = [...byPerson].sort(([a], [b]) => (a < b ? -1 : 1))
      const known = people.filter(([, files]) => files.length > 1).slice(0, knownCount)
      const strangers = people.filter(([, files]) => files.length === 1).slice(0, strangerCount)

      using folder = tempFolder()
      const opened = openStore(folder.file("gatehouse.db"))
      if (opened.kind === "failed") throw new Error(opened.why)
      const gallery = await openGallery(opened.store, plainVaultOf(opened.store))
      const { space, calibration } = set.embedding
      const vectorOf = (file: string | undefined) => vectors.get(file ?? "") ?? new Float32Array()
      for (const [person, [first]] of known) {
        const { id } = gallery.createSubject(person)
        expect(gallery.addFace({ subjectId: id, space, vector: vectorOf(first), source: "picture" }).kind).toBe("added")
      }
      const facesSearched = () => gallery.facesSearched(space)
      const judge = createJudge({ curve: calibration.curve, options: decisionOptions.parse({}), facesSearched })
      const judgement = judge({})
      expect(judgement.odds).toMatchObject({ comparisons: knownCount, extrapolated: false })
      const needs = { search: gallery.search, thresholds: judgement }
      const ask = (file: string | undefined) => nameOf({ space, vector: vectorOf(file) }, needs, { candidates: 5 })

      const answers = await Promise.all(known.map(async ([person, [, second]]) => ({ person, ...(await ask(second)) })))
      const right = answers.filter(({ person, match }) => match?.name === person)
      const wrong = answers.filter(({ person, match }) => match !== undefined && match.name !== person)
      const matched = (await Promise.all(strangers.map(([, [file]]) => ask(file)))).filter(({ match }) => match !== undefined)
      await gallery.close()
      opened.store.close()

      // The index gives what a plain comparison with everybody gives.
      const [enrolled, asked] = [known[0]?.[1][0], known[0]?.[1][1]]
      expect(answers[0]?.candidates[0]?.similarity).toBeCloseTo(similarity(vectorOf(enrolled), vectorOf(asked)), 5)
      console.log(
        `${name}: ${right.length} of ${known.length} named rightly, ${wrong.length} wrongly; ${matched.length} of ${strangers.length} strangers matched`,
      )
      expect(right.length).toBeGreaterThanOrEqual(rightMin[name])
      expect(wrong.length).toBeLessThanOrEqual(1)
      expect(matched.length).toBeLessThanOrEqual(1)
    },
    240_000,
  )
}
