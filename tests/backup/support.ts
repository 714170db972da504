import { join } from "node:path"
import { restoreBackup } from "../../app/backup/restore.ts"
import { openSightings } from "../../app/events/sightings.ts"
import type { Space } from "../../app/face/embedding.ts"
import type { Gallery } from "../../app/gallery/gallery.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { openDataFolder } from "../../app/store/data-folder.ts"
import type { Store } from "../../app/store/store.ts"
import type { Vault } from "../../app/vault/vault.ts"
import { type Dump, dumpDatabase } from "../../scripts/faults/storage/dump.ts"
import { record } from "../events/support.ts"
import { plainVaultOf } from "../support/vault.ts"

const space = "painted@00000000/4" as Space

export function ok<Value>(result: { kind: "ok"; value: Value } | { kind: "failed"; why: string }): Value {
  if (result.kind === "failed") throw new Error(result.why)
  return result.value
}

/** Why it did not work. */
export async function whyNot(result: Promise<{ kind: "ok" } | { kind: "failed"; why: string }>): Promise<string> {
  const ended = await result
  if (ended.kind === "ok") throw new Error("it worked")
  return ended.why
}

export interface FilledFolder extends AsyncDisposable {
  readonly store: Store
  readonly vault: Vault
  readonly gallery: Gallery
  add(name: string): string
}

/** A data folder with people, their faces and sightings with pictures, in use until it is disposed of. */
export async function openFilledFolder(
  path: string,
  people = 3,
  vaultOf: (store: Store) => Vault = plainVaultOf,
): Promise<FilledFolder> {
  const opened = openDataFolder(path)
  if (opened.kind === "failed") throw new Error(opened.why)
  const vault = vaultOf(opened.store)
  const gallery = await openGallery(opened.store, vault)
  const sightings = openSightings(opened.store, vault, gallery.nameOf)
  const add = (name: string) => {
    const { id } = gallery.createSubject(name)
    const vector = Float32Array.from([name.length, 1, 2, 3])
    const added = gallery.addFace({ subjectId: id, space, vector, source: "vector" })
    if (added.kind !== "added") throw new Error(added.kind)
    record(sightings, { snapshot: crypto.getRandomValues(new Uint8Array(20_000)) })
    return id
  }
  for (let n = 0; n < people; n++) add(`Person ${n}`)
  return {
    store: opened.store,
    vault,
    gallery,
    add,
    [Symbol.asyncDispose]: async () => {
      await gallery.close()
      opened.store.close()
    },
  }
}

/** What a backup holds, seen in a folder that it is restored to. */
export async function dumpOfBackup(file: string, folder: string): Promise<Dump> {
  const restored = await restoreBackup(file, folder, { replace: false, backupsFolder: "backups" })
  if (restored.kind === "failed") throw new Error(restored.why)
  return dumpDatabase(join(folder, "gatehouse.db"))
}
