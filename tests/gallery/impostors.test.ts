import { expect, test } from "bun:test"
import { openGallery } from "../../app/gallery/open.ts"
import { subjectSealer } from "../../app/gallery/sealers.ts"
import { openStore, type Store } from "../../app/store/store.ts"
import { paintedSpace, personVector } from "../support/painted.ts"
import { tempFolder } from "../support/shared.ts"
import { plainVaultOf, sealedVaultOf } from "../support/vault.ts"

const page = { limit: 10 }

function openTemp(folder: { file(name: string): string }): Store {
  const opened = openStore(folder.file("box.db"))
  if (opened.kind === "failed") throw new Error(opened.why)
  return opened.store
}

async function withAda(store: Store, vault = plainVaultOf(store)) {
  const gallery = await openGallery(store, vault)
  const ada = gallery.createSubject("Ada").id
  gallery.addFace({ subjectId: ada, space: paintedSpace, vector: personVector("Ada"), source: "vector" })
  const impostor = { subjectId: ada, space: paintedSpace, vector: personVector("Ada", 0.7), source: "picture" } as const
  return { gallery, ada, impostor }
}

const storedBytes = (store: Store) =>
  store
    .prepare<{ vector: Uint8Array }>("select vector from impostors")
    .all()
    .map(({ vector }) => Buffer.from(vector))

test("a search says how near the face comes to who is not the person, and nothing where nobody was said", async () => {
  using folder = tempFolder()
  const store = openTemp(folder)
  const { gallery, ada, impostor } = await withAda(store)
  const search = async () => (await gallery.search(paintedSpace, personVector("Ada", 0.7), 1))[0]
  expect(await search()).not.toHaveProperty("impostorSimilarity")
  expect(gallery.impostors.add(impostor).kind).toBe("added")
  expect((await search())?.impostorSimilarity).toBeCloseTo(1, 5)
  expect(gallery.impostors.add({ ...impostor, vector: new Float32Array(64) }).kind).toBe("bad_vector")
  expect(gallery.impostors.add({ ...impostor, vector: new Float32Array(3) }).kind).toBe("bad_vector")
  expect(gallery.impostors.of(ada, page)?.items.length).toBe(1)
  gallery.deleteSubject(ada)
  expect(storedBytes(store)).toEqual([])
  expect(gallery.impostors.of(ada, page)).toBeUndefined()
  await gallery.close()
  store.close()
})

test("the vector is sealed with the key of the person it is not, in a new folder and in one that is sealed later", async () => {
  using folder = tempFolder()
  const store = openTemp(folder)
  const plain = await withAda(store)
  plain.gallery.impostors.add(plain.impostor)
  const bytes = Buffer.from(personVector("Ada", 0.7).buffer)
  expect(storedBytes(store)[0]?.equals(bytes)).toBe(true)
  await plain.gallery.close()

  const vault = sealedVaultOf(store)
  const sealer = subjectSealer(store, vault)
  while (sealer.step(100) > 0);
  const { gallery, impostor } = await withAda(store, vault)
  gallery.impostors.add(impostor)
  expect(storedBytes(store).map((stored) => stored.includes(bytes.subarray(0, 16)))).toEqual([false, false])
  const found = await gallery.search(paintedSpace, personVector("Ada", 0.7), 2)
  for (const { impostorSimilarity } of found) expect(impostorSimilarity).toBeCloseTo(1, 5)

  // Swapped between two people, neither opens: they are left out, and the search answers.
  store.transact(() => {
    const rows = store.prepare<{ id: string; vector: Uint8Array }>("select id, vector from impostors").all()
    const update = store.prepare("update impostors set vector = ? where id = ?")
    for (const [i, { id }] of rows.entries()) update.run(rows[1 - i]!.vector, id)
  })
  for (const one of await gallery.search(paintedSpace, personVector("Ada", 0.7), 2))
    expect(one).not.toHaveProperty("impostorSimilarity")
  await gallery.close()
  store.close()
})

test("people who are merged bring those who are not them along, and take them back when it is undone", async () => {
  using folder = tempFolder()
  const store = openTemp(folder)
  const { gallery, ada, impostor } = await withAda(store, sealedVaultOf(store))
  gallery.impostors.add(impostor)
  const into = gallery.createSubject("Ada Lovelace").id
  const idsOf = (id: string) => gallery.impostors.of(id, page)?.items.length
  let memo: Parameters<typeof gallery.moves.unmerge>[0] | undefined
  gallery.moves.merge(ada, into, (merged) => {
    memo = merged
  })
  expect([idsOf(ada), idsOf(into)]).toEqual([undefined, 1])
  expect((await gallery.search(paintedSpace, personVector("Ada", 0.7), 1))[0]?.impostorSimilarity).toBeCloseTo(1, 5)
  if (memo === undefined) throw new Error("nothing to undo")
  expect(gallery.moves.unmerge(JSON.parse(JSON.stringify(memo)), into, () => undefined).kind).toBe("unmerged")
  expect([idsOf(ada), idsOf(into)]).toEqual([1, 0])
  expect((await gallery.search(paintedSpace, personVector("Ada", 0.7), 1))[0]?.impostorSimilarity).toBeCloseTo(1, 5)
  await gallery.close()
  store.close()
})
