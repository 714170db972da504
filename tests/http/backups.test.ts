import { expect, test } from "bun:test"
import { openTestBox } from "./box.ts"

const newest = { name: "gatehouse-000002-20260101T000000Z.backup", number: 2, bytes: 4096, createdAtMs: 1_767_225_600_000 }

test("a backup is begun, one at a time, and those there are are listed", async () => {
  let begun = 0
  await using box = await openTestBox({
    backups: {
      list: async () => [newest],
      status: () => (begun > 0 ? { state: "running" } : { state: "idle", failure: "no room" }),
      begin: () => (begun++ === 0 ? "begun" : "busy"),
    },
  })
  expect((await box.ask("GET", "/v1/system/backups")).json).toEqual({ state: "idle", failure: "no room", items: [newest] })
  const first = await box.ask("POST", "/v1/system/backups")
  expect({ status: first.status, json: first.json }).toEqual({ status: 202, json: { state: "running" } })
  expect((await box.ask("GET", "/v1/system/backups")).json).toEqual({ state: "running", items: [newest] })
  expect((await box.ask("POST", "/v1/system/backups")).json.error.code).toBe("conflict")
})
