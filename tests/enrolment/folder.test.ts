import { expect, test } from "bun:test"
import { mkdirSync, writeFileSync } from "node:fs"
import { listPeople } from "../../app/enrolment/folder.ts"
import { tempFolder } from "../support/shared.ts"

test("a subfolder is a person; pictures alone are taken, hidden and empty folders are left aside", async () => {
  using temp = tempFolder()
  // Decomposed, as macOS writes it.
  const decomposed = "Ju\u0308rgen"
  for (const name of ["Bo", decomposed, "Empty", ".hidden"]) mkdirSync(temp.file(name))
  for (const file of [
    "Bo/2.PNG",
    "Bo/1.jpeg",
    "Bo/notes.txt",
    "Bo/.3.jpg",
    `${decomposed}/a.webp`,
    ".hidden/a.jpg",
    "loose.jpg",
  ])
    writeFileSync(temp.file(file), "")
  const people = await listPeople(temp.path)
  if (people.kind === "failed") throw new Error(people.why)
  expect(people.value.map((person) => person.name)).toEqual(["Bo", "J\u00fcrgen"])
  expect(people.value[0]?.files).toEqual([temp.file("Bo/1.jpeg"), temp.file("Bo/2.PNG")])
})

test("no folder, and a folder without people, are failures in words", async () => {
  using temp = tempFolder()
  expect(await listPeople(temp.file("absent"))).toMatchObject({ kind: "failed", why: expect.stringContaining("absent") })
  expect(await listPeople(temp.path)).toMatchObject({ kind: "failed", why: expect.stringContaining("no pictures") })
})
