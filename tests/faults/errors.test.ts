import { expect, test } from "bun:test"
import { startBoxOn } from "../../scripts/faults/storage/box.ts"
import { suffer } from "../../scripts/faults/storage/errors.ts"
import { createLedger, spaceOf } from "../../scripts/faults/storage/ledger.ts"
import { smallFrame } from "../../scripts/faults/storage/picture.ts"
import { straceRefusal } from "../../scripts/faults/storage/strace.ts"
import { tempFolder } from "../support/shared.ts"

const refusal = await straceRefusal()

// scripts/faults/errors.ts goes through hundreds.
test.skipIf(refusal !== undefined)(
  "a disk that fails is never lied about, and written to again when it is well",
  async () => {
    using folder = tempFolder()
    const box = await startBoxOn(folder.file("data"))
    if (box === undefined) throw new Error("the box did not start")
    await using _ = box
    const ledger = createLedger(await spaceOf(box), await smallFrame())
    for (const fault of [
      { call: "fsync", error: "EIO", n: 2, lasting: false },
      { call: "pwrite64", error: "ENOSPC", n: 5, lasting: true },
      { call: "pwrite64", error: "EIO", n: 9, lasting: false },
    ] as const) {
      const { failed, refused, lost, damaged, writesAgainMs } = await suffer(folder.path, box, ledger, fault)
      expect({ fault, lost, damaged }).toEqual({ fault, lost: [], damaged: [] })
      expect(failed).toBeGreaterThan(0)
      expect(refused).toBeGreaterThan(0)
      expect(writesAgainMs).toBeLessThan(20_000)
    }
    // In words, not as a bug of ours.
    const { status } = await box.ask("/v1/subjects", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    })
    expect(status).toBe(400)
  },
  120_000,
)
