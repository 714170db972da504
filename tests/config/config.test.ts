import { describe, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { readConfig } from "../../app/config/config.ts"
import { tempFolder } from "../support/shared.ts"

function withFile(text: string, env: Record<string, string> = {}) {
  using folder = tempFolder()
  const configFile = join(folder.path, "edge.jsonc")
  writeFileSync(configFile, text)
  return readConfig({ configFile }, env)
}

describe("config", () => {
  test("the shipped default file says what the schemas default to", () => {
    const shipped = readConfig({}, { GATEHOUSE_PROFILE: "default" })
    const bare = withFile("{}", { GATEHOUSE_PROFILE: "default" })
    if (shipped.kind !== "ok" || bare.kind !== "ok") throw new Error("both must parse")
    expect(shipped.value).toEqual(bare.value)
  })

  test("command line beats environment beats file", () => {
    const file = `{ "http": { "port": 1000, "host": "0.0.0.0" }, "dataFolder": "from-file", }`
    using folder = tempFolder()
    const configFile = join(folder.path, "edge.jsonc")
    writeFileSync(configFile, file)
    const config = readConfig({ configFile, port: "3000" }, { GATEHOUSE_PORT: "2000", GATEHOUSE_DATA: "from-env" })
    if (config.kind !== "ok") throw new Error(config.why)
    expect(config.value.http).toMatchObject({ port: 3000, host: "0.0.0.0" })
    expect(config.value.dataFolder).toBe(resolve("from-env"))
  })

  test("an empty variable is an unset one", () => {
    const config = withFile("{}", { GATEHOUSE_PORT: "", GATEHOUSE_ADMIN_KEY: "" })
    expect(config).toMatchObject({ kind: "ok", value: { http: { port: 8080 }, adminKey: undefined } })
  })

  test.each([
    ["an unknown key", `{ "htp": {} }`, {}, "htp"],
    ["a wrong value", `{ "http": { "port": 99999 } }`, {}, "http.port"],
    ["broken JSON, with its line", `{\n\n "http": }`, {}, "line 3"],
    ["a section that is no object", `{ "http": 5 }`, {}, "http"],
    ["a port that is no number", "{}", { GATEHOUSE_PORT: "http" }, "GATEHOUSE_PORT"],
    ["a guessable admin key", "{}", { GATEHOUSE_ADMIN_KEY: "secret" }, "GATEHOUSE_ADMIN_KEY"],
    ["no engines at all", "{}", { GATEHOUSE_ENGINES: "0" }, "engines"],
  ])("%s is refused by name", (_what, text, env, named) => {
    const config = withFile(text, env)
    expect(config.kind).toBe("failed")
    if (config.kind === "failed") expect(config.why).toContain(named)
  })

  test("a file that is not there is named", () => {
    expect(readConfig({ configFile: "/nowhere/edge.jsonc" }, {})).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("/nowhere/edge.jsonc"),
    })
  })
})
