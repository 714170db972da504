import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import sharp from "sharp"
import { projectRoot } from "../../app/base/paths.ts"
import { selfCommand } from "../../app/base/self.ts"
import { tempFolder } from "../support/shared.ts"

/** The whole program as a shell starts it, with the default models and photographs that every checkout has. */

const folder = tempFolder()
const photo = (name: string) => join(projectRoot, "node_modules/@vladmandic/face-api/demo", name)

/** Faces in the photographs, in pixels: a square around each with its hair and chin. */
const crops = {
  Tess: { file: "sample6.jpg", left: 150, top: 440, side: 400 },
  Vera: { file: "sample6.jpg", left: 1090, top: 260, side: 380 },
  Pia: { file: "sample5.jpg", left: 700, top: 60, side: 340 },
} as const

async function crop(name: keyof typeof crops, widthPx: number, turnDegrees: number): Promise<Buffer> {
  const { file, left, top, side } = crops[name]
  const cut = await sharp(photo(file)).extract({ left, top, width: side, height: side }).png().toBuffer()
  return sharp(cut).resize(widthPx).rotate(turnDegrees, { background: "#808080" }).jpeg({ quality: 80 }).toBuffer()
}

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function gatehouse(...args: string[]): Promise<Ended> {
  const env = { ...process.env, GATEHOUSE_DATA: folder.file("data"), GATEHOUSE_MODEL_SET: "default", GATEHOUSE_ENGINES: "1" }
  const child = Bun.spawn([...selfCommand(), ...args], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, out, err }
}

beforeAll(async () => {
  for (const name of ["Tess", "Vera"] as const) {
    mkdirSync(folder.file("people", name), { recursive: true })
    writeFileSync(folder.file("people", name, "1.jpg"), await crop(name, 300, 0))
  }
  writeFileSync(folder.file("tess.jpg"), await crop("Tess", 200, 6))
  writeFileSync(folder.file("pia.jpg"), await crop("Pia", 250, 0))
})
afterAll(() => folder[Symbol.dispose]())

test("enrol takes a folder of people, extends those it knows, and tells what it left out", async () => {
  const first = await gatehouse("enrol", folder.file("people"), "--json")
  expect(JSON.parse(first.out)).toMatchObject({ subjects: 2, enrolled: 2, refused: 0 })
  expect(first).toMatchObject({ code: 0, err: "" })

  mkdirSync(folder.file("more", "Tess"), { recursive: true })
  mkdirSync(folder.file("more", "Nobody"), { recursive: true })
  writeFileSync(
    folder.file("more", "Tess", "2.webp"),
    await sharp(await crop("Tess", 260, -5))
      .webp()
      .toBuffer(),
  )
  writeFileSync(folder.file("more", "Nobody", "1.jpg"), "not a picture")
  const second = await gatehouse("enrol", folder.file("more"))
  expect(second.out).toContain("1 face of 1 person enrolled, 1 picture left out")
  expect(second.code).toBe(1)

  const { findings } = JSON.parse((await gatehouse("doctor", "--json")).out) as {
    findings: { subject: string; text: string }[]
  }
  // Still two people, and none called Nobody.
  expect(findings.find((finding) => finding.subject === "gallery")?.text).toBe("2 subjects, 3 faces")
})

test("identify names whom it knows, and ends with 1 when that is nobody", async () => {
  const known = await gatehouse("identify", folder.file("tess.jpg"), "--json")
  expect(known.code).toBe(0)
  const [picture] = (JSON.parse(known.out) as { pictures: { faces: object[] }[] }).pictures
  expect(picture?.faces).toHaveLength(1)
  expect(picture?.faces[0]).toMatchObject({ decision: "match", match: { name: "Tess" } })

  const stranger = await gatehouse("identify", folder.file("pia.jpg"))
  expect(stranger.code).toBe(1)
  expect(stranger.out).not.toContain("match")
})

test("verify tells the same person from another", async () => {
  const same = await gatehouse("verify", folder.file("tess.jpg"), folder.file("people", "Tess", "1.jpg"))
  expect(same.out).toStartWith("same (similarity 0.")
  expect(same.code).toBe(0)
  const other = await gatehouse("verify", folder.file("tess.jpg"), folder.file("pia.jpg"), "--json")
  expect(JSON.parse(other.out)).toMatchObject({ decision: expect.not.stringContaining("same") })
  expect(other.code).toBe(1)
})

test("what cannot be done ends with 3 and one line, and in JSON too", async () => {
  const absent = await gatehouse("identify", folder.file("absent.jpg"))
  expect(absent.code).toBe(3)
  expect(absent.err).toMatch(/^gatehouse: cannot read .*absent\.jpg.*\n$/)
  writeFileSync(folder.file("text.jpg"), "not a picture")
  const unreadable = await gatehouse("verify", folder.file("text.jpg"), folder.file("pia.jpg"), "--json")
  expect(unreadable.code).toBe(3)
  expect(JSON.parse(unreadable.out)).toEqual({ error: { message: expect.stringContaining("text.jpg") } })
  const set = await gatehouse("verify", folder.file("pia.jpg"), folder.file("pia.jpg"), "--set", "absent")
  expect(set.code).toBe(3)
  expect(set.err).toContain("there is no model set absent")
  expect(set.err).not.toContain("    at ")
})

test("a command line that is not understood ends with 2; help that was asked for with 0", async () => {
  const misspelt = await gatehouse("identfy", "x.jpg")
  expect(misspelt.code).toBe(2)
  expect(misspelt.err).toContain("Did you mean identify?")
  expect((await gatehouse("verify", "one.jpg")).code).toBe(2)
  expect((await gatehouse()).code).toBe(2)
  const help = await gatehouse("--help")
  expect(help.code).toBe(0)
  expect(help.out).toContain("Exit codes:")
  // The box starts engines by itself; people need not know.
  expect(help.out).not.toContain("engine [options]")
})

test("the doctor knows a healthy box from one whose configuration is wrong", async () => {
  const healthy = await gatehouse("doctor")
  expect(healthy.code).toBe(0)
  for (const words of ["default in use", "1 of 1 ready", "onnxruntime-node", "known answer", "embedder mobilefacenet"])
    expect(healthy.out).toContain(words)
  const ill = await gatehouse("doctor", "--engines", "many")
  expect(ill.code).toBe(1)
  expect(ill.out).toContain("fail  configuration")
})

test("models and version answer in JSON", async () => {
  const models = await gatehouse("models", "--json")
  expect(JSON.parse(models.out)).toMatchObject({ inUse: "default", sets: expect.any(Array) })
  expect(models.code).toBe(0)
  expect(JSON.parse((await gatehouse("version", "--json")).out)).toMatchObject({ bun: Bun.version })
})

test("a new admin key is printed alone on standard output", async () => {
  const reset = await gatehouse("admin", "reset-key")
  expect(reset.code).toBe(0)
  expect(reset.out).toMatch(/^\S{16,}\n$/)
  const again = await gatehouse("admin", "reset-key", "--json")
  expect((JSON.parse(again.out) as { adminKey: string }).adminKey).not.toBe(reset.out.trim())
})

test("the name of a command may be that of a file", async () => {
  const restored = await gatehouse("restore", "engine")
  expect(restored).toMatchObject({
    code: 3,
    err: expect.stringContaining("/engine: name the file that gatehouse backup wrote"),
  })
})
