import { expect, test } from "bun:test"
import { copyFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Erasure } from "../../app/people/ledger.ts"
import type { Store } from "../../app/store/store.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { tempFolder } from "../support/shared.ts"
import { plainVaultOf, sealedVaultOf } from "../support/vault.ts"
import { openPeopleBox, plant, tracesIn } from "./support.ts"

/** The program as people run it. Its answer, parsed. */
async function gatehouse(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const child = Bun.spawn([process.execPath, join(projectRoot, "app/main.ts"), ...args, "--json"], {
    env: { PATH: process.env.PATH ?? "", GATEHOUSE_LOG: "fatal", ...env },
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code > 1) throw new Error(`gatehouse ${args.join(" ")} ended with ${code}: ${said}`)
  return JSON.parse(out)
}

/** A folder in the clear, or sealed, for this process and for the program. */
function sealing(kind: "plain" | "sealed") {
  const material = createMaterial()
  const env: Record<string, string> = kind === "sealed" ? { GATEHOUSE_MASTER_KEY: material.toHex() } : {}
  const vaultOf = (store: Store) => (kind === "sealed" ? sealedVaultOf(store, "aes", material) : plainVaultOf(store))
  return { env, vaultOf }
}

test.each(["plain", "sealed"] as const)(
  "kept backups forget who was erased, and an older one from elsewhere brings nobody back (%s)",
  async (kind) => {
    using folder = tempFolder()
    using elsewhere = tempFolder()
    const { env, vaultOf } = sealing(kind)
    const box = await openPeopleBox({ folder, vaultOf })
    const [leaving, staying] = [plant(box, 1), plant(box, 2)]
    await box.close()
    const data = ["--data", folder.path]
    await gatehouse(env, "backup", ...data)
    await gatehouse(env, "backup", ...data)
    const shelf = folder.file("backups")
    const kept = readdirSync(shelf)
    expect(kept).toHaveLength(2)
    const older = elsewhere.file("older.backup")
    copyFileSync(join(shelf, kept[0] ?? ""), older)
    expect(tracesIn(shelf, [leaving]).length > 0).toBe(kind === "plain")

    const [erased] = await gatehouse(env, "people", "erase", leaving.subjectId, ...data)
    expect(erased.erasure.receipt.body.backups).toEqual(
      kind === "plain" ? { keysTaken: 0, rewritten: 2, left: [] } : { keysTaken: 2, rewritten: 0, left: [] },
    )
    expect(readdirSync(shelf).toSorted()).toEqual(kept.toSorted())
    expect(tracesIn(folder.path, [leaving])).toEqual([])

    for (const file of [join(shelf, kept[1] ?? ""), older]) {
      await gatehouse(env, "restore", file, "--replace", ...data)
      const stats = await gatehouse(env, "gallery", "stats", ...data)
      expect(stats).toMatchObject({ subjects: 1, faces: 2 })
      expect((await gatehouse(env, "people", "erasures", ...data)).map((one: { subjectId: string }) => one.subjectId)).toEqual([
        leaving.subjectId,
      ])
    }
    await gatehouse(env, "people", "export", staying.subjectId, "--out", elsewhere.file("export.zip"), ...data)
  },
)

test.each(["plain", "sealed"] as const)(
  "kept backups forget who had become part of somebody who was erased, also from before that, and bring nobody back (%s)",
  async (kind) => {
    using folder = tempFolder()
    using elsewhere = tempFolder()
    const { env, vaultOf } = sealing(kind)
    const before = await openPeopleBox({ folder, vaultOf })
    const [part, whole] = [plant(before, 1), plant(before, 2)]
    await before.close()
    const data = ["--data", folder.path]
    await gatehouse(env, "backup", ...data)
    const shelf = folder.file("backups")
    const older = elsewhere.file("older.backup")
    copyFileSync(join(shelf, readdirSync(shelf)[0] ?? ""), older)
    const after = await openPeopleBox({ folder, vaultOf })
    expect(after.people.rearrangements.merge(part.subjectId, whole.subjectId).kind).toBe("done")
    await after.close()

    await gatehouse(env, "people", "erase", whole.subjectId, ...data)
    expect(tracesIn(folder.path, [part, whole])).toEqual([])
    const erasures: Erasure[] = await gatehouse(env, "people", "erasures", ...data)
    expect(erasures.map(({ subjectId }) => subjectId).toSorted()).toEqual([part.subjectId, whole.subjectId].toSorted())
    const backups = kind === "plain" ? { keysTaken: 0, rewritten: 1, left: [] } : { keysTaken: 2, rewritten: 0, left: [] }
    for (const { receipt } of erasures) expect(receipt?.body.backups).toEqual(backups)
    for (const file of [join(shelf, readdirSync(shelf)[0] ?? ""), older]) {
      await gatehouse(env, "restore", file, "--replace", ...data)
      expect(await gatehouse(env, "gallery", "stats", ...data)).toMatchObject({ subjects: 0, faces: 0 })
    }
  },
)
