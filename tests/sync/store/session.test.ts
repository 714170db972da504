import { afterAll, describe, expect, test } from "bun:test"
import type { Row, Tables } from "../../../app/sync/box.ts"
import type { Entity } from "../../../app/sync/entity.ts"
import { round } from "../../../app/sync/session.ts"
import { agree, crashAt, createTestSiteOn, settled, type TestDisk } from "../site.ts"
import { boxA, boxB, entity } from "../support.ts"
import { openPlainBox, openTestSyncStore, type TestSyncStore } from "./support.ts"

/** The rounds of session.test.ts, as far as it is the disk that may spoil them: with each box's rows in a database of its own. */

let open: TestSyncStore[] = []
afterAll(() => closeAll())

function closeAll(): void {
  for (const one of open) one[Symbol.dispose]()
  open = []
}

const steps = ["write", "remove", "setPosition", "setMarkers", "doubtAfter", "setCursor", "show", "hide"] as const

function openDisk(isSealed: boolean) {
  return (name: string, _newOrigin: unknown, beforeStep: () => void): TestDisk & { readonly opened: TestSyncStore } => {
    const opened = openTestSyncStore({ isSealed })
    open.push(opened)
    opened.sync.enter(name)
    const box = openPlainBox(opened.sync)
    /** A crash may strike before each of these, and after the commit. */
    function breaking(tables: Tables): Tables {
      const before = (step: (typeof steps)[number]) => ({
        [step]: (...given: never[]) => {
          beforeStep()
          return (tables[step] as (...given: never[]) => unknown)(...given)
        },
      })
      return Object.assign({ ...tables }, ...steps.map(before))
    }
    return {
      opened,
      transact(body) {
        const out = box.transact((tables) => body(breaking(tables)))
        beforeStep()
        return out
      },
      rows: () =>
        box.transact((tables) => {
          const rows: Row[] = [...tables.rowsAfter("erasures", 0, 1e6), ...tables.rowsAfter("records", 0, 1e6)]
          return new Map<Entity, Row>(rows.map((row) => [row.record.entity, row]))
        }),
    }
  }
}

const agreed = (isSealed: boolean) => {
  closeAll()
  return settled(createTestSiteOn([boxA, boxB], openDisk(isSealed)))
}

describe.each([
  ["in the clear", false],
  ["sealed", true],
])("%s", (_, isSealed) => {
  test("the hub loses its end before each of a round's questions, and others write in its place", async () => {
    for (let at = 0; at < 60; at += 4) {
      const { site, a, b } = await agreed(isSealed)
      a.enrol(400, 3)
      let happened = false
      a.hooks.beforeCall = async (call) => {
        if (call !== at) return undefined
        happened = true
        site.hub.rollBack(9)
        b.enrol(500, 6)
        b.write("erase", entity(201))
        await b.round(false)
        site.mark()
        await b.round()
        return undefined
      }
      await a.round()
      await site.settle()
      agree(site.digests())
      if (!happened) break
      expect(a.disk.rows().get(entity(500, 500))?.standing).toBe("held")
      expect(a.disk.rows().has(entity(201, 201))).toBe(false)
    }
  })

  test("a crash at any step on the disk: the next round goes on", async () => {
    let crashes = 0
    for (let at = 0; await crashAt(await agreed(isSealed), at); at += 6) crashes++
    expect(crashes).toBeGreaterThan(5)
  })

  test("a database closed and opened again goes on as it was", async () => {
    const { site, a, b } = await agreed(isSealed)
    a.enrol(400, 3)
    const before = a.disk.rows()
    const { folder, sync } = a.disk.opened
    const origin = sync.ownTables({ afterCommit: () => undefined }).origin()
    using again = openTestSyncStore({ isSealed, folder })
    expect(again.sync.box()).toBe(boxA)
    const reopened = openPlainBox(again.sync)
    expect(reopened.transact((tables) => tables.origin())).toBe(origin)
    for (const [path, row] of before) expect(reopened.transact((tables) => tables.row(path))).toEqual(row)
    b.enrol(500, 2)
    await site.settle()
    agree(site.digests())
  })
})

test("what lies at no path stops nobody, whoever wrote it: a box that was revoked, too", async () => {
  const { site, a, b } = await agreed(false)
  const { bytes } = b.disk.rows().get(entity(200, 200))!.record
  for (const key of ["zz", "00", `${entity(1)}.`, `${entity(1)}.zz`]) site.hub.write("records", key, bytes, 0)
  const open = (given: Uint8Array) => {
    const opened = a.open(given)
    return opened.kind === "opened" && opened.record.origin.startsWith(boxB)
      ? ({ kind: "revoked_box", why: "revoked" } as const)
      : opened
  }
  expect(await round({ ...a.needs, open }, { verify: false })).toMatchObject({ kind: "done", refused: 4 })
  site.mark()
  await a.round()
  expect(await a.janitor.sweep(0)).toMatchObject({ kind: "swept" })
})
