import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type BundlesNeeds, createBundles } from "../../../app/sync/bundle/bundles.ts"
import type { BundleSource } from "../../../app/sync/bundle/read.ts"
import type { Entity } from "../../../app/sync/entity.ts"
import type { Kind, Origin } from "../../../app/sync/merge.ts"
import { sealRecords } from "../../../app/sync/sealing.ts"
import { writeChanges } from "../../../app/sync/write.ts"
import type { Suite } from "../../../app/vault/suite.ts"
import { openSuite } from "../../../app/vault/suites.ts"
import { createDisk } from "../../sim/disk.ts"
import { createSite, entity, type TestSite, utf8Of } from "../support.ts"

/** A folder that leaves with the test. */
export function tempFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "gatehouse-bundle-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export type BundleBox = ReturnType<ReturnType<typeof createBundleSite>["box"]>

/** Boxes with tables in memory, members of one site, with real sealing. */
export function createBundleSite(
  names: Readonly<Record<string, string>>,
  suite: Suite = openSuite("aes").suite,
  siteName = "gate",
) {
  const site: TestSite = createSite(suite, Object.values(names))
  const revoked = new Set<string>()
  let lives = 0

  return {
    ...site,
    revoked,
    box(name: string, given: Partial<BundlesNeeds> = {}) {
      const member = names[name]!
      const origin = () => `${member}.${(++lives).toString(16).padStart(12, "0")}` as Origin
      const hooks = { beforeStep: () => {} }
      const watch = { writing: () => {}, erasuresRead: () => {} }
      const disk = createDisk(origin, () => hooks.beforeStep(), watch)
      const keys = site.keysOf(member)
      let nowMs = 1_790_000_000_000
      const needs: BundlesNeeds = {
        box: disk,
        boxName: name,
        site: {
          site: { name: siteName, id: Buffer.from(siteName.padEnd(16)).toString("hex") },
          keys: () => ({ ...keys, epoch: Math.max(...site.epochs.keys()) }),
          standingOf: (box) => (revoked.has(box) ? "revoked" : Object.values(names).includes(box) ? "member" : "unknown"),
          boxCalled: (text) => names[text] ?? Object.values(names).find((box) => box === text),
          notices: () => [],
          takeNotices: () => {},
        },
        pace: () => Promise.resolve(),
        pageRecords: 100,
        whyNoMember: () => undefined,
        recordAll: () => Promise.resolve(),
        nowMs: () => nowMs++,
        ...given,
      }
      return {
        disk,
        hooks,
        member,
        needs,
        bundles: createBundles(needs),
        write(kind: Kind, path: Entity, content = `${name} ${path}`, wallMs = 1000): void {
          disk.transact((tables) =>
            writeChanges(
              tables,
              [{ kind, entity: path, content: kind === "put" ? utf8Of(content) : new Uint8Array() }],
              wallMs,
              (drafts) => sealRecords(keys, drafts),
            ),
          )
        },
        /** New people, one face each, in batches that share a signature. */
        enrol(from: number, count: number): void {
          disk.transact((tables) =>
            writeChanges(
              tables,
              Array.from({ length: count }, (_, i) => ({
                kind: "put" as const,
                entity: entity(from + i, from + i),
                content: crypto.getRandomValues(new Uint8Array(600)),
              })),
              1000,
              (drafts) => sealRecords(keys, drafts),
            ),
          )
        },
        digest: () =>
          [...disk.rows()].map(([path, { record }]) => `${path} ${record.kind} ${record.origin} ${record.sequence}`).sort(),
        /** How many records are to be offered to the hub. */
        due: () => [...disk.rows().values()].filter(({ standing }) => standing === "due").length,
      }
    },
  }
}

/** Bytes as a stick gives them: pieces of odd lengths. */
export async function* inPieces(bytes: Uint8Array, pieceBytes = 7919): BundleSource {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}
