import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { paint, paintedSpace, personVector } from "../support/painted.ts"
import { tempFolder } from "../support/shared.ts"
import { plainVaultOf, sealedVaultOf } from "../support/vault.ts"
import { openTestBox } from "./box.ts"

test("a box in the clear says what a thief reads, and what helps", async () => {
  await using box = await openTestBox({}, undefined, plainVaultOf)
  const { sealing } = (await box.ask("GET", "/v1/system")).json
  expect(sealing).toEqual({
    sealed: false,
    level: "warn",
    text: expect.stringContaining("nothing is sealed"),
    remedy: expect.stringContaining("master key"),
  })
})

test.each(["aes", "gm"] as const)(
  "a sealed box (%s) enrols, recognises, repeats and says by what it is sealed",
  async (suite) => {
    await using box = await openTestBox({}, undefined, (store) => sealedVaultOf(store, suite))
    const { sealing } = (await box.ask("GET", "/v1/system")).json
    expect(sealing).toMatchObject({
      sealed: true,
      suite,
      by: expect.any(String),
      text: expect.stringContaining("GATEHOUSE_MASTER_KEY"),
    })
    const { id } = (await box.json("POST", "/v1/subjects", { name: "李小龙", externalId: "7" })).json
    const enrol = () =>
      box.ask("POST", `/v1/subjects/${id}/faces?faces=largest`, {
        body: paint({ person: "Bruce" }, { person: "Stranger", widthPx: 40 }),
        headers: { "content-type": "image/jpeg", "idempotency-key": "once" },
      })
    const first = await enrol()
    expect(first.status).toBe(201)
    // What the first answer said beside the face is told from the sealed note.
    expect((await enrol()).json).toEqual(first.json)
    const { faces } = (
      await box.ask("POST", "/v1/recognize", { body: paint({ person: "Bruce" }), headers: { "content-type": "image/jpeg" } })
    ).json
    expect(faces[0]).toMatchObject({ decision: "match", candidates: [{ subjectId: id, name: "李小龙" }] })
    expect((await box.ask("GET", "/v1/subjects?name=李小龙")).json.items).toMatchObject([{ id, externalId: "7" }])
    expect((await box.ask("DELETE", `/v1/subjects/${id}`)).status).toBe(204)
  },
)

test("a row that was changed on the disk is answered by 500 with its words, and can be deleted; others are answered", async () => {
  using folder = tempFolder()
  await using box = await openTestBox({}, folder.file("box.db"), (store) => sealedVaultOf(store))
  const { id } = (await box.json("POST", "/v1/subjects", { name: "Ada" })).json
  const { id: other } = (await box.json("POST", "/v1/subjects", { name: "Eve" })).json
  await box.json("POST", `/v1/subjects/${id}/faces`, { embedding: [...personVector("Ada")], space: paintedSpace })
  {
    using thief = new Database(folder.file("box.db"))
    thief.run("update subjects set details = (select details from subjects where id = ?) where id = ?", [other, id])
  }
  const asked = await box.ask("GET", `/v1/subjects/${id}`)
  expect(asked.status).toBe(500)
  expect(asked.json.error.message).toContain(`subjects.details of row ${id}`)
  expect(asked.text).not.toContain("Eve")
  expect((await box.ask("GET", `/v1/subjects/${other}`)).json.name).toBe("Eve")
  const search = { embedding: [...personVector("Ada")], space: paintedSpace }
  expect((await box.json("POST", "/v1/search", search)).json.candidates).toEqual([])
  expect((await box.ask("DELETE", `/v1/subjects/${id}`)).status).toBe(204)
  expect((await box.ask("GET", "/v1/subjects")).json.items).toHaveLength(1)
})
