import { expect, test } from "bun:test"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { version } from "../../app/base/version.ts"
import { tempFolder } from "../support/shared.ts"

async function output(command: string[], cwd: string): Promise<string> {
  const child = Bun.spawn(command, { cwd, stdout: "pipe", stderr: "pipe" })
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}\n${said}${out}`)
  return out
}

test("the compiled file starts anywhere, with its engines and its index", async () => {
  using elsewhere = tempFolder()
  const program = join(projectRoot, "dist/gatehouse")
  await output([process.execPath, "build.ts"], projectRoot)
  expect(await output([program, "version"], elsewhere.path)).toContain(`gatehouse ${version} (Bun ${Bun.version}`)

  await output([process.execPath, join(projectRoot, "scripts/sample-photos.ts"), elsewhere.path], projectRoot)
  mkdirSync(elsewhere.file("people/Ada"), { recursive: true })
  await Bun.write(elsewhere.file("people/Ada/1.jpg"), Bun.file(elsewhere.file("first.jpg")))
  const box = ["--data", elsewhere.file("data"), "--engines", "1", "--json"]
  expect(JSON.parse(await output([program, "enrol", "people", ...box], elsewhere.path))).toMatchObject({ enrolled: 1 })
  const { pictures } = JSON.parse(await output([program, "identify", "second.jpg", ...box], elsewhere.path))
  const names = pictures[0].faces.map((face: { match?: { name: string } }) => face.match?.name)
  expect(names.filter(Boolean)).toEqual(["Ada"])
  expect(names).toHaveLength(4)
})
