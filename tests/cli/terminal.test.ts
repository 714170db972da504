import { expect, test } from "bun:test"
import { formatTable } from "../../app/cli/terminal.ts"

test("columns are as wide as they look, also in Chinese, and numbers stand right", () => {
  const table = formatTable(
    ["name", "n"],
    [
      ["王小明", 7],
      ["Ada", 1234],
    ],
  )
  expect(table.split("\n")).toEqual(["name    n", "──────  ────", "王小明     7", "Ada     1234"])
})
