import type { Box } from "../box.ts"
import { createOpener } from "../sealing.ts"
import { type Confirmed, confirm } from "./confirm.ts"
import { type ExportedBundle, exportToFolder, readBundleFile, writeReceipt } from "./folder.ts"
import type { BundleHeader } from "./format.ts"
import { type ImportedBundle, importBundle, type OwnBundleSite } from "./import.ts"
import { type BundleRefusal, type BundleSource, readBundle, readHeader } from "./read.ts"
import type { BundleReceipt } from "./receipt.ts"
import { type BeginningBundle, beginBundle } from "./write.ts"

export interface BundlesNeeds {
  readonly box: Box
  readonly site: OwnBundleSite & {
    /** The id (8 hex digits) of a member, by its id or its name. */
    boxCalled(text: string): string | undefined
    notices(): readonly Uint8Array[]
  }
  readonly boxName: string
  readonly pace: (records: number) => Promise<void>
  readonly pageRecords: number
  nowMs(): number
  /** Why this box has nothing to share, in words; `undefined` for a member of the site. */
  whyNoMember(): string | undefined
  /** What the gallery has and no record says yet is written down before it is exported. */
  recordAll(): Promise<void>
}

/** One of its kind at a time: a second one would only take turns with the first. */
export type Busy = { readonly kind: "busy"; readonly why: string }

/** The box is not in order, or no member: it sends and takes nothing. */
export type Stopped = { readonly kind: "stopped"; readonly why: string }

export type UnknownReceiver = { readonly kind: "unknown_receiver"; readonly why: string }

export type ImportedFile = ImportedBundle & {
  /** Where the receipt was written, or why it was not; absent when there is none. */
  readonly receiptFile?: { readonly kind: "ok"; readonly value: string } | { readonly kind: "failed"; readonly why: string }
}

export type Inspected =
  | {
      readonly kind: "whole"
      readonly header: BundleHeader
      readonly records: number
      /** Of these, what this box could not believe or not read. */
      readonly refused: number
    }
  | (BundleRefusal & { readonly header?: BundleHeader })

/** Records on a stick, of a box that belongs to a site. */
export interface Bundles {
  /**
   * Into a folder, taking the receipts that lie there.
   * @param receiver id or name of a box: only what it has not confirmed; everything without one
   */
  exportTo(folder: string, receiver?: string): Promise<ExportedBundle | UnknownReceiver | Busy>
  /** As bytes that are made while they are asked for: ask to the end, or `return` the generator. */
  begin(receiver?: string): Promise<BeginningBundle | UnknownReceiver | Busy | Stopped>
  /** From anywhere. */
  import(source: BundleSource): Promise<ImportedBundle | Busy>
  /** From a file, with the receipt beside it. */
  importFile(path: string): Promise<ImportedFile | Busy>
  /** Proves all of it and takes nothing. */
  inspect(path: string): Promise<Inspected>
  confirm(receipt: BundleReceipt): Confirmed
}

export function createBundles(needs: BundlesNeeds): Bundles {
  const { box, site, boxName, nowMs } = needs
  const running = new Set<"export" | "import">()

  function whyNot(what: "export" | "import"): Busy | Stopped | undefined {
    const why = needs.whyNoMember()
    if (why !== undefined) return { kind: "stopped", why }
    return running.has(what)
      ? { kind: "busy", why: `an ${what} of a bundle is running already; wait until it is done` }
      : undefined
  }

  async function alone<Out>(what: "export" | "import", work: () => Promise<Out>): Promise<Out | Busy | Stopped> {
    const turnedAway = whyNot(what)
    if (turnedAway !== undefined) return turnedAway
    running.add(what)
    try {
      return await work()
    } finally {
      running.delete(what)
    }
  }

  const writing = () => ({ box, site: site.site, boxName, keys: site.keys(), notices: site.notices(), nowMs })

  /** @returns the receiver's id, nothing where none was named, or why there is none */
  function idOf(receiver: string | undefined): { readonly kind: "id"; readonly id: string | undefined } | UnknownReceiver {
    const id = receiver === undefined ? undefined : site.boxCalled(receiver)
    if (receiver === undefined || id !== undefined) return { kind: "id", id }
    const why = `no box of this site is called ${receiver}; \`gatehouse sync boxes\` lists them`
    return { kind: "unknown_receiver", why }
  }

  return {
    async exportTo(folder, receiver) {
      const called = idOf(receiver)
      if (called.kind !== "id") return called
      return alone("export", async () => {
        await needs.recordAll()
        return exportToFolder(writing(), folder, called.id)
      })
    },

    async begin(receiver) {
      const called = idOf(receiver)
      if (called.kind !== "id") return called
      const turnedAway = whyNot("export")
      if (turnedAway !== undefined) return turnedAway
      running.add("export")
      const end = () => void running.delete("export")
      await needs.recordAll().catch((error: unknown) => {
        end()
        throw error
      })
      const begun = beginBundle(writing(), called.id)
      if (begun.kind === "stopped") {
        end()
        return begun
      }
      return { ...begun, bytes: whenEnded(begun.bytes, end) }
    },

    import: (source) => alone("import", () => importBundle(needs, source)),

    importFile: (path) =>
      alone("import", async (): Promise<ImportedFile> => {
        const imported = await importBundle(needs, readBundleFile(path))
        return imported.kind === "imported"
          ? { ...imported, receiptFile: await writeReceipt(path, imported.receipt) }
          : imported
      }),

    async inspect(path) {
      const { open } = createOpener(site.keys())
      let refused = 0
      const silent = { ...site, takeNotices: () => undefined }
      const read = await readBundle(readBundleFile(path), silent, async (records) => {
        for (const bytes of records) if (open(bytes).kind !== "opened") refused++
      })
      return read.kind === "whole" ? { ...read, refused } : read
    },

    confirm: (receipt) => confirm({ box, site: site.site, keys: site.keys() }, receipt),
  }
}

/** What a bundle in a file says of itself: no box and no key is needed, and nothing of it is proved. */
export function inspectHeader(path: string): ReturnType<typeof readHeader> {
  return readHeader(readBundleFile(path))
}

/** Also when nobody asks for a single piece: a generator that was never asked for any would not notice that it is given up. */
function whenEnded<Out>(pieces: Generator<Uint8Array, Out>, end: () => void): Generator<Uint8Array, Out> {
  function* started(): Generator<Uint8Array, Out> {
    try {
      yield new Uint8Array()
      return yield* pieces
    } finally {
      end()
    }
  }
  const all = started()
  all.next()
  return all
}
