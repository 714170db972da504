import { expect, test } from "bun:test"
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { wipeFolder } from "../../app/box/wipe.ts"
import { dataFolderFiles, openDataFolder } from "../../app/store/data-folder.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { isGenuine } from "../../app/vault/signer.ts"
import { openSuite } from "../../app/vault/suites.ts"
import { tempFolder } from "../support/shared.ts"
import { folderOptions, hitsIn, openFolder, plant } from "./support.ts"

test.each(["plain", "sealed"] as const)(
  "a data folder is shredded, to the last byte of its files, with a certificate (%s)",
  async (kind) => {
    using outer = tempFolder()
    const dataFolder = outer.file("data")
    const material = kind === "sealed" ? createMaterial() : undefined
    const { options, needs } = folderOptions(dataFolder, "aes", material)
    const traces = []
    {
      await using folder = await openFolder(dataFolder, "aes", material)
      traces.push(plant(folder, 1), plant(folder, 2))
    }
    mkdirSync(join(dataFolder, "backups"))
    writeFileSync(join(dataFolder, "backups/old.backup"), Buffer.alloc(3_000_000, 7))
    const foreign = outer.file("foreign.txt")
    writeFileSync(foreign, "somebody else's")
    symlinkSync(foreign, join(dataFolder, "link"))
    const elsewhere = outer.file("elsewhere.backup")
    writeFileSync(elsewhere, "a backup on another disk")
    // Other names of the same bytes: what happened to them can be seen when the folder is gone.
    const same = outer.file("same.db")
    linkSync(join(dataFolder, dataFolderFiles.database), same)
    if (kind === "plain") expect(hitsIn(dataFolder, traces)).not.toEqual([])

    const held = openDataFolder(dataFolder)
    expect(await wipeFolder({ ...options, backups: [elsewhere] }, needs)).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("is in use"),
    })
    if (held.kind === "ok") held.store.close()
    expect(existsSync(elsewhere)).toBe(true)

    const wiped = await wipeFolder({ ...options, backups: [elsewhere] }, needs)
    if (wiped.kind === "failed") throw new Error(wiped.why)
    expect(existsSync(dataFolder)).toBe(false)
    expect(existsSync(elsewhere)).toBe(false)
    expect(readFileSync(foreign, "utf8")).toBe("somebody else's")
    expect(readFileSync(same).every((byte) => byte === 0)).toBe(true)
    expect(wiped.body).toMatchObject({ folder: dataFolder, people: 2, faces: 2, sightings: 0 })
    expect(wiped.body.bytes).toBeGreaterThan(3_000_000)
    const { certificate } = wiped
    if (certificate === undefined) throw new Error("there is no certificate")
    expect(isGenuine(openSuite("aes").suite, certificate.publicKey, certificate)).toBe(true)
    expect((await wipeFolder({ ...options, backups: [] }, needs)).kind).toBe("failed")
  },
)

test("a sealed folder without its master key is shredded all the same, unsigned", async () => {
  using outer = tempFolder()
  const dataFolder = outer.file("data")
  {
    await using folder = await openFolder(dataFolder, "aes", createMaterial())
    plant(folder, 1)
  }
  const { options, needs } = folderOptions(dataFolder, "aes", undefined)
  const wiped = await wipeFolder({ ...options, backups: [] }, needs)
  expect(wiped).toMatchObject({ kind: "wiped", body: { people: -1 } })
  expect(wiped).not.toHaveProperty("certificate")
  expect(existsSync(dataFolder)).toBe(false)
})
