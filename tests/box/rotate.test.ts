import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { silentLog } from "../../app/base/log.ts"
import { projectRoot } from "../../app/base/paths.ts"
import { openBoxFolder } from "../../app/box/open.ts"
import { makeRecoveryKey } from "../../app/box/recovery.ts"
import { rotateMasterKey } from "../../app/box/rotate.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { openVaultRows } from "../../app/store/vault-rows.ts"
import { findMasterKeys } from "../../app/vault/master.ts"
import { writeKeyFile } from "../../app/vault/master-file.ts"
import { createMaterial, masterKey } from "../../app/vault/master-key.ts"
import { masterPlaces } from "../../app/vault/open.ts"
import type { SuiteName } from "../../app/vault/suite.ts"
import { tempFolder } from "../support/shared.ts"

/** A box with a key file, and others that open the same folder. */
function boxWithKeyFile(suite: SuiteName) {
  const folder = tempFolder()
  const [dataFolder, keyFile] = [folder.file("data"), folder.file("master.key")]
  writeKeyFile(keyFile, createMaterial())
  const vault = { suite, keyFile }
  const open = async () => {
    const opened = openBoxFolder({ dataFolder, vault }, { log: silentLog })
    if (opened.kind !== "ok") throw new Error(opened.why)
    const gallery = await openGallery(opened.value.store, opened.value.vault)
    return {
      ...opened.value,
      gallery,
      async [Symbol.asyncDispose]() {
        await gallery.close()
        opened.value.store.close()
      },
    }
  }
  return { dataFolder, keyFile, places: masterPlaces(dataFolder, vault), open, [Symbol.dispose]: folder[Symbol.dispose] }
}

const names = (box: { readonly gallery: Awaited<ReturnType<typeof openGallery>> }) =>
  box.gallery.subjects({ limit: 1000 }).items.map(({ name }) => name)

describe.each(["aes", "gm"] as const)("%s", (suite) => {
  test("a box goes on enrolling and naming people while another process gives the folder another master key", async () => {
    using files = boxWithKeyFile(suite)
    await using box = await files.open()
    const known = Array.from({ length: 60 }, (_, n) => box.gallery.createSubject(`Person ${n}`).name)
    const [first, keyBefore] = [box.vault.sealed!.masters().current.id, readFileSync(files.keyFile, "utf8")]
    {
      await using other = await files.open()
      // Between two steps the box writes: once with the key that has just been retired.
      const told = () => known.push(box.gallery.createSubject(`New ${known.length}`).name)
      const rotated = await rotateMasterKey(other, files.places, told, 20)
      expect(rotated).toMatchObject({ kind: "ok", value: { retiredId: first, resumed: false } })
    }
    expect(known.length).toBeGreaterThan(62)
    expect(names(box)).toEqual(known)
    expect(box.vault.sealed!.masters().current.id).not.toBe(first)
    expect(openVaultRows(box.store).wrappedCount(first)).toBe(0)
    expect(readFileSync(files.keyFile, "utf8")).not.toBe(keyBefore)
    expect(statSync(files.keyFile).mode & 0o777).toBe(0o400)
    expect(existsSync(`${files.keyFile}.next`)).toBe(false)
    await using again = await files.open()
    expect(names(again)).toEqual(known)
  })

  test("a recovery key stays the right one, and is not changed in the middle", async () => {
    using files = boxWithKeyFile(suite)
    await using box = await files.open()
    expect(makeRecoveryKey(box).kind).toBe("ok")
    const envelope = () => openVaultRows(box.store).state()!.recovery!.envelope
    const before = envelope()
    let asked: ReturnType<typeof makeRecoveryKey> | undefined
    box.gallery.createSubject("Ada")
    await rotateMasterKey(box, files.places, () => {
      asked ??= makeRecoveryKey(box)
    })
    expect(asked).toMatchObject({ kind: "failed", why: expect.stringContaining("is being rotated") })
    expect(envelope()).not.toEqual(before)
  })
})

test("without a file the next key has to be given, and what is not sealed has none", async () => {
  using folder = tempFolder()
  const dataFolder = folder.file("data")
  const env = { GATEHOUSE_MASTER_KEY: createMaterial().toHex() }
  const vault = { suite: "aes" as const, keyFile: null }
  const opened = openBoxFolder({ dataFolder, vault }, { log: silentLog, env })
  if (opened.kind !== "ok") throw new Error(opened.why)
  const rotate = (more: Record<string, string>) =>
    rotateMasterKey(opened.value, masterPlaces(dataFolder, vault, { ...env, ...more }))
  expect(await rotate({})).toMatchObject({ why: expect.stringContaining("GATEHOUSE_MASTER_KEY_NEXT") })
  const next = createMaterial().toHex()
  expect(await rotate({ GATEHOUSE_MASTER_KEY_NEXT: next })).toMatchObject({ kind: "ok" })
  opened.value.store.close()
  expect(openBoxFolder({ dataFolder, vault }, { log: silentLog, env }).kind).toBe("locked")
  const plain = openBoxFolder({ dataFolder: folder.file("plain"), vault }, { log: silentLog, env: {} })
  if (plain.kind !== "ok") throw new Error(plain.why)
  expect(await rotateMasterKey(plain.value, masterPlaces(folder.file("plain"), vault, {}))).toMatchObject({
    why: expect.stringContaining("not sealed"),
  })
  expect(makeRecoveryKey(plain.value)).toMatchObject({ why: expect.stringContaining("not sealed") })
  plain.value.store.close()
})

test("whoever looks for the master key finds it at every moment of rotations, also between two of its files", async () => {
  using files = boxWithKeyFile("aes")
  await using box = await files.open()
  const process = rotating(files.dataFolder, files.keyFile)
  const words = (async () => {
    for await (const _ of process.words) process.count++
  })()
  const rows = openVaultRows(box.store)
  const missed: string[] = []
  const untilMs = performance.now() + 3000
  while (performance.now() < untilMs) {
    const stateBefore = rows.state()!.masterId
    const found = findMasterKeys(files.places)
    // It may have gone on to the next one since the state was read; then what is found is of that.
    if (rows.state()!.masterId !== stateBefore) continue
    const ids = found.kind === "ok" ? found.value.map(({ material }) => masterKey(box.vault.suite, material).id) : [found.why]
    if (!ids.includes(stateBefore) && rows.state()!.masterId === stateBefore) missed.push(ids.join(" "))
    await Bun.sleep(0)
  }
  process.child.kill("SIGKILL")
  await words
  expect(missed).toEqual([])
  expect(process.count).toBeGreaterThan(10)
})

const kills = 12

test(`kill -9 at any moment of rotations loses nobody, ${kills} times, and a box reads on`, async () => {
  using files = boxWithKeyFile("aes")
  await using box = await files.open()
  const known = Array.from({ length: 200 }, (_, n) => box.gallery.createSubject(`Person ${n}`).name)
  const seen = new Set<string>()
  for (let kill = 0; kill < kills; kill++) {
    const process = rotating(files.dataFolder, files.keyFile)
    for await (const word of process.words) {
      seen.add(word)
      if (++process.count > 1 + ((kill * 7) % 30)) {
        await Bun.sleep(Math.random() * 4)
        process.child.kill("SIGKILL")
      }
    }
    await process.child.exited
    expect(process.child.signalCode).toBe("SIGKILL")
    known.push(box.gallery.createSubject(`After kill ${kill}`).name)
    expect(names(box)).toEqual(known)
    await using other = await files.open()
    expect(names(other)).toEqual(known)
  }
  expect([...seen].sort()).toEqual(["opened", "resumed", "rotated", "step"])
})

function rotating(dataFolder: string, keyFile: string) {
  const program = [process.execPath, join(projectRoot, "tests/box/rotating-process.ts"), dataFolder, keyFile]
  const child = Bun.spawn(program, { stdout: "pipe", stderr: "inherit" })
  async function* words() {
    const decoder = new TextDecoder()
    for await (const bytes of child.stdout) yield* decoder.decode(bytes, { stream: true }).trimEnd().split("\n")
  }
  return { child, words: words(), count: 0 }
}
