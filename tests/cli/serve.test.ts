import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { selfCommand } from "../../app/base/self.ts"
import { runCli } from "../../app/cli/cli.ts"
import type { CliNeeds } from "../../app/cli/needs.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

async function serve(outcome: Awaited<ReturnType<CliNeeds["serve"]>>, config = "{}") {
  using folder = tempFolder()
  writeFileSync(folder.file("edge.jsonc"), config)
  const said: string[] = []
  let served = 0
  const needs: Partial<CliNeeds> = {
    serve: async () => {
      served++
      return outcome
    },
  }
  const terminal = { width: 80, out: () => {}, err: (text: string) => void said.push(text) } as never
  const code = await runCli(["serve", "--config", folder.file("edge.jsonc")], needs as CliNeeds, terminal)
  return { code, served, said: said.join("\n") }
}

test("a box that ends as it was told to ends with 0", async () => {
  expect(await serve({ kind: "ok", value: undefined })).toEqual({ code: 0, served: 1, said: "" })
})

test("what may pass by itself ends with 3, so that a service manager tries again", async () => {
  expect(await serve({ kind: "failed", why: "port 1 is taken" })).toEqual({
    code: 3,
    served: 1,
    said: "gatehouse: port 1 is taken",
  })
})

test.each(["locked", "misconfigured"] as const)("%s ends with 78, by which a unit knows not to start again", async (kind) => {
  expect(await serve({ kind, why: "somebody has to come" })).toMatchObject({ code: 78 })
})

test("a wrong configuration ends with 78 before anything is opened", async () => {
  const { code, served, said } = await serve({ kind: "ok", value: undefined }, `{ "http": { "port": -1 } }`)
  expect({ code, served }).toEqual({ code: 78, served: 0 })
  expect(said).toContain("http.port")
})

/** The real box, with default settings. */
function startReal(folder: TempFolder, port: number) {
  const env = { ...process.env, GATEHOUSE_DATA: folder.file("data"), GATEHOUSE_PORT: String(port), GATEHOUSE_LOG: "error" }
  return Bun.spawn([...selfCommand(), "serve"], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 30_000 })
}

test("a box whose port is taken says so and ends, before its engines have started", async () => {
  using folder = tempFolder()
  using neighbour = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() })
  const box = startReal(folder, neighbour.port ?? 0)
  const [said, code] = await Promise.all([box.stderr.text(), box.exited])
  expect({ code, said }).toEqual({ code: 3, said: expect.stringContaining(`port ${neighbour.port} on 127.0.0.1 is taken`) })
})

test("a box that is told to stop before its engines have started ends well", async () => {
  using folder = tempFolder()
  const box = startReal(folder, 0)
  for await (const chunk of box.stdout) if (Buffer.from(chunk).includes("listens on")) break
  box.kill("SIGTERM")
  const [said, code] = await Promise.all([box.stderr.text(), box.exited])
  expect({ code, said }).toEqual({ code: 0, said: "" })
})
