import { expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { unzipSync } from "fflate"
import { selfCommand } from "../../app/base/self.ts"
import { exitCodes } from "../../app/cli/outcome.ts"
import { ownLines } from "../../app/cli/support/log-lines.ts"
import { settingsWithoutSecrets } from "../../app/cli/support/settings.ts"
import { readConfig } from "../../app/config/config.ts"
import { tempFolder } from "../support/shared.ts"

/** What of people is in a bundle is looked for in tests/telemetry/privacy.test.ts. */

const line = (n: number) => JSON.stringify({ level: "info", time: "2026-01-01T00:00:00.000Z", n, msg: "request" })

test("of a log file the last of the box's own lines are taken, and whole ones alone", async () => {
  using folder = tempFolder()
  const path = folder.file("box.log")
  const own = Array.from({ length: 50 }, (_, n) => line(n))
  const foreign = ["TypeError: no such person: Ada", "    at ada.ts:1", '{"level":30,"msg":"Ada"}', "[1]", ""]
  writeFileSync(path, [...own.slice(0, 48), ...foreign, ...own.slice(48), ""].join("\n"))
  expect(await ownLines(path, 1e6)).toEqual({ lines: own, foreign: 4 })
  // The first of them is cut in its middle.
  const some = own.slice(-2).join("\n").length + foreign.join("\n").length + 30
  expect(await ownLines(path, some)).toEqual({ lines: own.slice(-2), foreign: 4 })
  await expect(ownLines(folder.file("absent.log"), 10)).rejects.toThrow("ENOENT")
})

test("settings are told without keys, without what an address has beside the machine, and without the names of places", () => {
  using folder = tempFolder()
  const path = folder.file("config.jsonc")
  const decisions = {
    cameras: { "Ada's door": { falsePositiveRate: 0.002 } },
    groups: { "friends of Ada": { uncertainRate: 0.3 } },
  }
  writeFileSync(path, JSON.stringify({ recognition: { decisions } }))
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://ada:password@collector:4318/ada",
    GATEHOUSE_ADMIN_KEY: "ada-ada-ada-ada-ada",
  }
  const config = readConfig({ configFile: path }, env)
  if (config.kind === "failed") throw new Error(config.why)
  const told = settingsWithoutSecrets(config.value)
  expect(JSON.stringify(told)).not.toMatch(/ada|password/i)
  expect(told).toMatchObject({
    adminKey: "set",
    telemetry: { otlpEndpoint: "http://collector:4318" },
    recognition: {
      budgetMs: config.value.recognition.budgetMs,
      decisions: { cameras: { "camera 1": { falsePositiveRate: 0.002 } }, groups: { "group 1": { uncertainRate: 0.3 } } },
    },
  })
})

test("a bundle is made where no box runs, says what it lacks, and never takes the place of a file", async () => {
  using folder = tempFolder()
  const file = folder.file("bundle.zip")
  const support = async () => {
    const command = [...selfCommand(), "support", file, "--json", "--set", "default", "--url", "http://127.0.0.1:1"]
    const env = { ...process.env, GATEHOUSE_DATA: folder.file("data"), GATEHOUSE_ENGINES: "1" }
    const child = Bun.spawn(command, { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" })
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    return { code, told: JSON.parse(out) as object, err }
  }
  const absent = [
    expect.stringMatching(/metrics.*is the box running/),
    expect.stringContaining("readyz"),
    expect.stringContaining("--log"),
  ]
  expect(await support()).toEqual({ code: exitCodes.yes, told: { file, absent }, err: "" })
  const bytes = readFileSync(file)
  const files = unzipSync(bytes)
  expect(Object.keys(files)).toEqual(["versions.json", "findings.json", "settings.json", "manifest.json"])
  expect(JSON.parse(Buffer.from(files["manifest.json"] ?? []).toString())).toMatchObject({ absent })
  expect(JSON.parse(Buffer.from(files["findings.json"] ?? []).toString())).toContainEqual({
    level: "ok",
    subject: "engines",
    text: "1 of 1 ready",
  })

  const again = await support()
  expect(again).toMatchObject({ code: exitCodes.failed, err: expect.stringContaining("EEXIST") })
  expect(readFileSync(file)).toEqual(bytes)
})
