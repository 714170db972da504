import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Subprocess } from "bun"
import sharp from "sharp"
import { projectRoot } from "../../app/base/paths.ts"
import { version } from "../../app/base/version.ts"
import { untilReady } from "../support/box.ts"
import { openCollector } from "../support/collector.ts"
import { type CompiledProgram, compiledProgram } from "../support/compiled.ts"
import { tempFolder } from "../support/shared.ts"
import { openBareRoot } from "./bare-root.ts"

/** The compiled file in a root file system that holds nothing but the C and C++ libraries, with an empty environment. */
let built: CompiledProgram
const name = `gatehouse-${version}-linux-${process.arch}`
let root: ReturnType<typeof openBareRoot>

async function run(command: readonly string[]): Promise<{ code: number; out: string; said: string }> {
  const child = Bun.spawn([...command], { cwd: projectRoot, stdout: "pipe", stderr: "pipe" })
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, out, said }
}

async function succeed(command: readonly string[]): Promise<string> {
  const { code, out, said } = await run(command)
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}\n${said}${out}`)
  return out
}

const inside = (...args: readonly string[]) => [...root.enter(), "/gatehouse", ...args]

beforeAll(async () => {
  built = await compiledProgram()
  root = openBareRoot(built.program)
  await succeed([process.execPath, "scripts/sample-photos.ts", root.file("photos")])
}, 120_000)
afterAll(() => root[Symbol.dispose]())

test("the version is told without anything unpacked", async () => {
  expect(await succeed(inside("version"))).toContain(`gatehouse ${version} (Bun ${Bun.version}`)
  expect(readdirSync(root.file("var/cache"))).toEqual([])
})

test("the doctor finds a box that is well", async () => {
  const { healthy, findings } = JSON.parse(await succeed(inside("doctor", "--data", "/data", "--json")))
  expect(healthy).toBe(true)
  expect(JSON.stringify(findings)).toContain("default in use")
  expect(readdirSync(root.file("var/cache/gatehouse"))).toHaveLength(1)
})

describe("a box", () => {
  const collector = openCollector()
  let box: Subprocess<"ignore", "pipe">
  let url = ""
  let adminKey = ""
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { "x-api-key": adminKey, ...Object.fromEntries(new Headers(init.headers)) }
    const answer = await fetch(`${url}${path}`, { ...init, headers })
    const bytes = await answer.bytes()
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${readFileSync(root.file("box.log"), "utf8")}`)
    return { type: answer.headers.get("content-type"), bytes, text: Buffer.from(bytes).toString() }
  }
  const send = async (path: string, picture: string) => {
    const body = readFileSync(root.file("photos", picture))
    return JSON.parse((await ask(path, { method: "POST", body, headers: { "content-type": "image/jpeg" } })).text)
  }

  beforeAll(async () => {
    // The root has no list of hosts either.
    const config = {
      http: { port: 0 },
      inference: { engines: 1 },
      recognition: { budgetMs: 20_000 },
      telemetry: { otlpEndpoint: collector.url.replace("localhost", "127.0.0.1") },
    }
    await Bun.write(root.file("box.jsonc"), JSON.stringify(config))
    const command = inside("serve", "--data", "/data", "--config", "/box.jsonc")
    box = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: Bun.file(root.file("box.log")) })
    let said = ""
    for await (const chunk of box.stdout) {
      said += Buffer.from(chunk).toString()
      adminKey = /gh_\w+/.exec(said)?.[0] ?? ""
      url = /http:\/\/[^\s/]+:\d+/.exec(said)?.[0] ?? ""
      if (adminKey !== "" && url !== "") break
    }
    await untilReady(url)
  }, 60_000)
  afterAll(async () => {
    box.kill("SIGTERM")
    await box.exited
    await collector[Symbol.asyncDispose]()
  })

  test("enrols a person and knows her in a second picture", async () => {
    const headers = { "content-type": "application/json" }
    const subject = await ask("/v1/subjects", { method: "POST", body: `{"name":"Ada 王小明"}`, headers })
    const { id } = JSON.parse(subject.text)
    await send(`/v1/subjects/${id}/faces`, "first.jpg")
    const { faces } = await send("/v1/recognize", "second.jpg")
    const names = faces.map((face: { candidates: { name: string }[]; decision: string }) =>
      face.decision === "match" ? face.candidates[0]?.name : face.decision,
    )
    expect(names.filter((name: string) => name === "Ada 王小明")).toHaveLength(1)
    expect(JSON.parse((await ask("/v1/system")).text).indexes?.[0]?.variant ?? "hnswlib").toContain("hnswlib")
  })

  test("keeps what a camera saw, and draws names on it with its own letters", async () => {
    const { sightingId } = await send("/ingest/front", "second.jpg")
    const [plain, annotated, thumbnail] = await Promise.all(
      ["snapshot.jpg?annotate=false", "snapshot.jpg?annotate=true", "thumbnail.jpg?widthPx=160"].map((path) =>
        ask(`/v1/sightings/${sightingId}/${path}`),
      ),
    )
    expect([plain, annotated, thumbnail].map((answer) => answer?.type)).toEqual(["image/jpeg", "image/jpeg", "image/jpeg"])
    expect(Buffer.compare(plain?.bytes ?? Buffer.of(), annotated?.bytes ?? Buffer.of())).not.toBe(0)
    const { name } = JSON.parse((await ask(`/v1/sightings/${sightingId}`)).text).faces.find(
      (face: { decision: string }) => face.decision === "match",
    )
    expect(name).toBe("Ada 王小明")
  })

  test("reads pictures of every kind", async () => {
    for (const kind of ["png", "webp"] as const) {
      await sharp(root.file("photos/first.jpg"))
        [kind]()
        .toFile(root.file("photos", `first.${kind}`))
      const body = readFileSync(root.file("photos", `first.${kind}`))
      const answer = await ask("/v1/detect", { method: "POST", body, headers: { "content-type": `image/${kind}` } })
      expect(JSON.parse(answer.text).faces).toHaveLength(1)
    }
  })

  test("shows its documentation", async () => {
    expect((await ask("/docs")).text).toContain("docs/swagger-ui.js")
    expect((await ask("/docs/swagger-ui.js")).text).toContain("SwaggerUIBundle")
    expect((await ask("/docs/style.css")).type).toContain("text/css")
  })

  test("tells a collector of its traces", async () => {
    await send("/v1/detect", "first.jpg")
    expect((await collector.untilSpan(({ service }) => service === "gatehouse-engine")).name).not.toBe("")
  })

  test("leaves nothing in the folder for temporary files", () => expect(readdirSync(root.file("tmp"))).toEqual([]))
})

describe("a cache folder that is no good is told with the remedy", () => {
  const models = async (mount: string, ...more: readonly string[]) =>
    run([...root.enter([mount, "/tmp"]), "/gatehouse", "models", "--cache-dir", "/tmp/cache", ...more])

  test.each([
    ["read-only", "tmpfs:ro", /cannot be written .*--cache-dir or GATEHOUSE_CACHE/],
    ["noexec", "tmpfs:noexec", /mounted noexec.*--cache-dir or GATEHOUSE_CACHE/],
    ["full", "tmpfs:size=20m", /needs \d+ MB and has \d+ MB: make room/],
  ])("%s", async (_, mount, expected) => {
    const { code, said } = await models(mount)
    expect(code).toBe(3)
    expect(said).toMatch(expected)
    expect(said.trim().split("\n")).toHaveLength(1)
  })
})

test("nothing in it tells where it was built, so that it is the same wherever that is", async () => {
  expect(Buffer.from(await Bun.file(built.program).arrayBuffer()).includes(projectRoot)).toBe(false)
})

test("a second build is equal to the byte, its bill of materials too", async () => {
  using again = tempFolder()
  await succeed([process.execPath, "build.ts", "--level", "1", "--out", again.path])
  for (const path of [name, `${name}.sha256`, `${name}.cdx.json`]) {
    const [first, second] = [built.folder, again.path].map((folder) => readFileSync(join(folder, path)))
    expect(first?.equals(second ?? Buffer.of())).toBe(true)
  }
}, 120_000)

test("beside it lie its hash and its bill of materials", async () => {
  const hash = new Bun.CryptoHasher("sha256").update(await Bun.file(built.program).bytes()).digest("hex")
  expect(readFileSync(`${built.program}.sha256`, "utf8")).toBe(`${hash}  ${name}\n`)
  const { bomFormat, metadata, components } = await Bun.file(`${built.program}.cdx.json`).json()
  expect(bomFormat).toBe("CycloneDX")
  expect(metadata.component.hashes[0].content).toBe(hash)
  type Component = {
    name: string
    licenses?: object[]
    hashes?: { content: string }[]
    properties?: { name: string; value: string }[]
  }
  const fonts = (components as Component[]).filter((component) => component.name.endsWith(".woff2"))
  expect(fonts.length).toBeGreaterThan(0)
  for (const font of fonts) expect([font.licenses?.length, font.hashes?.[0]?.content.length]).toEqual([1, 64])
  const files = (components as Component[]).filter(({ properties }) => properties !== undefined)
  const natives = files.filter((file) => /\.(node|so)(\.|$)/.test(file.name))
  expect(natives.length).toBeGreaterThanOrEqual(process.arch === "x64" ? 9 : 8)
  for (const { hashes, licenses, properties } of files) {
    expect(licenses).toHaveLength(1)
    const unpacked = root.file(
      "var/cache/gatehouse",
      readdirSync(root.file("var/cache/gatehouse"))[0] ?? "",
      properties?.find((property) => property.name === "gatehouse:path")?.value ?? "",
    )
    expect(hashes?.[0]?.content).toBe(new Bun.CryptoHasher("sha256").update(await Bun.file(unpacked).bytes()).digest("hex"))
  }
})
