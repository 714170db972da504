import { describe, expect, test } from "bun:test"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { type Keys, openKeys } from "../../app/vault/keys.ts"
import { findMasterKeys } from "../../app/vault/master.ts"
import { writeKeyFile } from "../../app/vault/master-file.ts"
import { createMaterial, type MasterKey, masterKey } from "../../app/vault/master-key.ts"
import { createRecoveryKey, recover } from "../../app/vault/recovery.ts"
import { createRotation, type RotationTable } from "../../app/vault/rotation.ts"
import { open, seal } from "../../app/vault/seal.ts"
import { firstState, unlock } from "../../app/vault/state.ts"
import type { Suite } from "../../app/vault/suite.ts"
import { tempFolder } from "../support/shared.ts"
import { type KeyRows, openKeyRows } from "./key-rows.ts"
import { testedSuites, utf8 } from "./support.ts"

const people = 30
const ownerOf = (person: number) => `subject/${String(person).padStart(4, "0")}`
const placeOf = (owner: string) => ({ table: "secrets", column: "sealed", row: owner })

function enrol(rows: KeyRows, keys: Keys, count: number): void {
  rows.store.transact<void>(() => {
    for (let person = 0; person < count; person++) {
      const made = keys.create(ownerOf(person))
      if (made.kind !== "created") throw new Error(made.kind)
      rows.keep(ownerOf(person), seal(made.key, placeOf(ownerOf(person)), utf8(`name of ${person}`)))
    }
  })
}

/** How many of the people's names open with these keys. */
function openedOf(rows: KeyRows, keys: Keys, count = people): number {
  let right = 0
  for (let person = 0; person < count; person++) {
    const [found, sealed] = [keys.of(ownerOf(person)), rows.kept(ownerOf(person))]
    if (found.kind !== "found" || sealed === undefined) continue
    const opened = open(found.key, placeOf(ownerOf(person)), sealed)
    if (opened.kind === "opened" && Buffer.from(opened.plain).toString() === `name of ${person}`) right++
  }
  return right
}

function sealedBox(suite: Suite) {
  const folder = tempFolder()
  const rows = openKeyRows(folder.file("keys.db"))
  const first = masterKey(suite, createMaterial())
  const recovery = createRecoveryKey(suite)
  rows.create(firstState(first, recovery))
  const keys = openKeys(rows, { current: first, retired: [] })
  enrol(rows, keys, people)
  return {
    rows,
    first,
    recovery,
    keys,
    next: masterKey(suite, createMaterial()),
    [Symbol.dispose]() {
      rows[Symbol.dispose]()
      folder[Symbol.dispose]()
    },
  }
}

/** As another process would, with this master key alone. */
function reopened(suite: Suite, rows: KeyRows, { material }: MasterKey): Keys | string {
  const unlocked = unlock(suite, rows.state()!, [material])
  return unlocked.kind === "locked" ? unlocked.why : openKeys(rows, unlocked.masters)
}

function finish(rotation: ReturnType<typeof createRotation>): string[] {
  const kinds: string[] = []
  while (kinds.length < 100 && kinds.at(-1) !== "finished" && kinds.at(-1) !== "stuck") kinds.push(rotation.step(8).kind)
  return kinds
}

describe.each(testedSuites)("$title", (suite) => {
  test("after a rotation the new key opens everything and the old one nothing", () => {
    using box = sealedBox(suite)
    const sealed = box.rows.kept(ownerOf(0))
    const rotation = createRotation(box.rows, box.keys)
    expect(rotation.step(8)).toEqual({ kind: "idle" })
    expect(rotation.begin(box.next)).toEqual({ kind: "begun" })
    expect(finish(rotation)).toEqual(["rewrapped", "rewrapped", "rewrapped", "rewrapped", "finished"])
    expect(openedOf(box.rows, box.keys)).toBe(people)
    expect(openedOf(box.rows, reopened(suite, box.rows, box.next) as Keys)).toBe(people)
    expect(reopened(suite, box.rows, box.first)).toContain(`sealed under the master key ${box.next.id}`)
    expect(openedOf(box.rows, openKeys(box.rows, { current: box.first, retired: [] }))).toBe(0)
    // What they seal was not written again.
    expect(box.rows.kept(ownerOf(0))).toEqual(sealed)
  })

  test("at every step everything opens with the key that the state names, alone, and the box goes on enrolling and shredding", () => {
    using box = sealedBox(suite)
    const rotation = createRotation(box.rows, box.keys)
    rotation.begin(box.next)
    let kind = "begun"
    for (let person = people; kind !== "finished" && person < 2 * people; person++) {
      expect(openedOf(box.rows, reopened(suite, box.rows, box.next) as Keys)).toBe(people)
      expect(reopened(suite, box.rows, box.first)).toBeString()
      expect(box.keys.create(`new/${person}`).kind).toBe("created")
      expect(box.keys.shred(`new/${person - 1}`)).toBe(person > people)
      kind = rotation.step(7).kind
    }
    expect(kind).toBe("finished")
    expect(box.rows.wrappedCount(box.first.id)).toBe(0)
  })

  test("a rotation that another process began is gone on with, and keys of the old master are refused", () => {
    using box = sealedBox(suite)
    createRotation(box.rows, box.keys).begin(box.next)
    const stale = openKeys(box.rows, { current: box.first, retired: [] })
    expect(stale.create("subject/new")).toEqual({ kind: "master_changed" })
    expect(createRotation(box.rows, stale).begin(masterKey(suite, createMaterial())).kind).toBe("refused")
    const keys = reopened(suite, box.rows, box.next) as Keys
    expect(finish(createRotation(box.rows, keys)).at(-1)).toBe("finished")
    expect(openedOf(box.rows, keys)).toBe(people)
  })

  test("one rotation at a time, and to another key", () => {
    using box = sealedBox(suite)
    const rotation = createRotation(box.rows, box.keys)
    expect(rotation.begin(box.first).kind).toBe("refused")
    rotation.begin(box.next)
    expect(rotation.begin(masterKey(suite, createMaterial()))).toMatchObject({ kind: "refused" })
  })

  test("the recovery key opens what the new master key sealed, and a foreign one is never given it", () => {
    using box = sealedBox(suite)
    const envelopes = [box.rows.state()!.recovery!.envelope]
    createRotation(box.rows, box.keys).begin(box.next)
    envelopes.push(box.rows.state()!.recovery!.envelope)
    const recovered = envelopes.map((envelope) => recover(suite, box.recovery.text, envelope))
    expect(recovered).toMatchObject([{ material: box.first.material }, { material: box.next.material }])

    using raided = sealedBox(suite)
    const stolen = firstState(masterKey(suite, createMaterial()), createRecoveryKey(suite)).recovery!
    raided.rows.store.prepare("update vault set recovery_public_key = ?").run(stolen.publicKey)
    expect(createRotation(raided.rows, raided.keys).begin(raided.next)).toMatchObject({ kind: "refused" })
    expect(raided.rows.state()!.masterId).toBe(raided.first.id)
  })

  test("a damaged key does not hold up the others, keeps the old master key, and lets it go when it is shredded", () => {
    using box = sealedBox(suite)
    box.rows.store.prepare("update data_keys set wrapped = zeroblob(60) where owner = ?").run(ownerOf(3))
    const rotation = createRotation(box.rows, box.keys)
    rotation.begin(box.next)
    expect(finish(rotation).at(-1)).toBe("stuck")
    expect(box.rows.wrappedCount(box.first.id)).toBe(1)
    expect(openedOf(box.rows, box.keys)).toBe(people - 1)
    box.keys.shred(ownerOf(3))
    expect(finish(rotation)).toEqual(["finished"])
  })

  test.each(["begin", "rewrap", "end"] as const)("a full disk at %s loses nothing", (step) => {
    using box = sealedBox(suite)
    const full: RotationTable = {
      ...box.rows,
      [step]: () => {
        throw new Error("disk full")
      },
    }
    const rotation = createRotation(full, box.keys)
    const rotate = () => {
      rotation.begin(box.next)
      finish(rotation)
    }
    expect(rotate).toThrow("disk full")
    const master = box.rows.state()!.masterId === box.first.id ? box.first : box.next
    const keys = reopened(suite, box.rows, master) as Keys
    expect(openedOf(box.rows, keys)).toBe(people)
    const again = createRotation(box.rows, keys)
    if (master === box.first) again.begin(box.next)
    expect(finish(again).at(-1)).toBe("finished")
  })
})

const kills = Number(process.env.GATEHOUSE_KILLS ?? 12)
const killedKeys = 200

test(`kill -9 at any moment of a rotation loses no key, ${kills} times`, async () => {
  const suite = testedSuites[0]!
  using folder = tempFolder()
  const dataFolder = folder.file("data")
  mkdirSync(dataFolder)
  const keyFile = folder.file("master.key")
  const first = masterKey(suite, createMaterial())
  writeKeyFile(keyFile, first.material)
  {
    using rows = openKeyRows(join(dataFolder, "keys.db"))
    rows.create(firstState(first))
    enrol(rows, openKeys(rows, { current: first, retired: [] }), killedKeys)
  }
  const seen = new Set<string>()
  for (let kill = 0; kill < kills; kill++) {
    const words = await killed([dataFolder, keyFile, "25", "1000"], kill)
    for (const word of words) seen.add(word)
    using rows = openKeyRows(join(dataFolder, "keys.db"))
    const found = findMasterKeys({ keyFile, dataFolder })
    if (found.kind === "failed") throw new Error(found.why)
    const offered = found.value.map(({ material }) => material)
    const unlocked = unlock(suite, rows.state()!, offered)
    expect([kill, words.at(-1), unlocked.kind]).toEqual([kill, words.at(-1), "unlocked"])
    if (unlocked.kind === "locked") return
    expect(openedOf(rows, openKeys(rows, unlocked.masters), killedKeys)).toBe(killedKeys)
  }
  expect(seen).toContain("finished")
})

/** What the process said until it was killed: after its n-th word, and a little later each time. */
async function killed(args: readonly string[], kill: number): Promise<readonly string[]> {
  const rotating = Bun.spawn([process.execPath, join(projectRoot, "tests/vault/rotating-process.ts"), ...args], {
    stdout: "pipe",
    stderr: "inherit",
  })
  const decoder = new TextDecoder()
  let said = ""
  for await (const bytes of rotating.stdout) {
    said += decoder.decode(bytes, { stream: true })
    if (said.split("\n").length <= 2 + ((kill * 7) % 40)) continue
    await Bun.sleep(Math.random() * 5)
    rotating.kill("SIGKILL")
  }
  await rotating.exited
  expect(rotating.signalCode).toBe("SIGKILL")
  return said.trimEnd().split("\n")
}
