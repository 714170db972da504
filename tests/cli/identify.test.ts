import { expect, test } from "bun:test"
import { runCli } from "../../app/cli/cli.ts"
import type { CliNeeds } from "../../app/cli/needs.ts"
import { tempFolder } from "../support/shared.ts"

test("a restored box of a site says of nobody who it is before it has read who was erased since", async () => {
  using folder = tempFolder()
  const said: string[] = []
  const terminal = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text), watched: false }
  let closed = 0
  // No engine is started for it: there is none here.
  const gallery = { site: async () => ({ site: "gate", mustReadErasures: true }), close: async () => void closed++ }
  const needs = { openGallery: async () => ({ kind: "ok", value: gallery }) } as object as CliNeeds
  expect(await runCli(["identify", "nobody.jpg", "--data", folder.path], needs, terminal)).toBe(3)
  expect(said.join()).toContain("may not recognise anybody before it has read from the hub of the site gate")
  expect(closed).toBe(1)
})
