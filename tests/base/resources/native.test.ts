import { expect, test } from "bun:test"
import { loadNative } from "../../../app/base/resources/native.ts"
import { runCli } from "../../../app/cli/cli.ts"
import type { CliNeeds } from "../../../app/cli/needs.ts"

test("a library that does not load is told in one line, with what helps, and ends with 3", async () => {
  const said: string[] = []
  const terminal = { width: 80, out: () => {}, err: (text: string) => void said.push(text) } as never
  const needs: Partial<CliNeeds> = { runEngine: async () => void loadNative("@img/none/lib/none.node") }
  expect(await runCli(["engine", "--socket", "none"], needs as CliNeeds, terminal)).toBe(3)
  expect(said).toEqual([expect.stringMatching(/^gatehouse: \S+none\.node does not load: .+\. See docs\/build\.md.*$/)])
})
