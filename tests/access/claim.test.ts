import { describe, expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Claimed, renewClaimCode } from "../../app/access/claim.ts"
import { claimTriesMax, claimWindowS } from "../../app/access/claim-codes.ts"
import { readClaimCodeFile } from "../../app/access/claim-file.ts"
import { openKeys } from "../../app/access/keys.ts"
import { tempFolder } from "../support/shared.ts"
import { openClaimBox } from "./support.ts"

const fileCode = "7K3QMX9D1A"
const wrong = "0000000000"
const minute = 60

const kindsOf = (claims: readonly Claimed[]) => claims.map(({ kind }) => kind)

describe("who is asked for a code", () => {
  test.each([
    ["auto, and nobody gave a code", { claim: "auto" }, false],
    ["auto, and a file gives one", { claim: "auto", fileCode }, true],
    ["required", { claim: "required" }, true],
    ["off, and a file gives one", { claim: "off", fileCode }, false],
    ["required, with an admin key of the environment", { claim: "required", adminKey: "an-owner-has-given-it" }, false],
  ] as const)("%s", (_what, options, isAwaited) => {
    using box = openClaimBox()
    const claim = box.start(options)
    expect([claim.isAwaited(), claim.isByCode, claim.asked !== undefined]).toEqual([isAwaited, isAwaited, isAwaited])
  })

  test("not whoever has an admin key already", () => {
    using box = openClaimBox()
    openKeys(box.store).ensureAdminKey()
    expect(box.start({ fileCode }).isAwaited()).toBe(false)
    expect(box.start({ fileCode }).claim({ code: fileCode })).toEqual({ kind: "already_claimed" })
  })

  test("a box that has asked once goes on when its file is gone: it must not print an admin key instead", () => {
    using box = openClaimBox()
    box.start({ claim: "auto", fileCode })
    const again = box.start({ claim: "auto" })
    expect(again.isAwaited()).toBe(true)
    expect(again.asked).toMatchObject({ source: "start", code: expect.any(String) })
  })

  test("an admin key that is made beside the running box makes it owned at once", () => {
    using box = openClaimBox()
    const claim = box.start()
    openKeys(box.store).resetAdminKey()
    expect(claim.isAwaited()).toBe(false)
    expect(claim.claim({ code: claim.asked?.code ?? "" })).toEqual({ kind: "already_claimed" })
  })
})

describe("a claim", () => {
  test("with the code that the box made: an admin key that opens, and it is owned", () => {
    using box = openClaimBox()
    const claim = box.start()
    const claimed = claim.claim({ code: claim.asked?.code?.toLowerCase() ?? "" })
    if (claimed.kind !== "claimed") throw new Error(claimed.kind)
    expect(openKeys(box.store).verify(claimed.adminKey)).toEqual({ role: "admin" })
    expect([claim.isAwaited(), box.start().isAwaited()]).toEqual([false, false])
    // HTTPS goes on.
    expect(box.start({ claim: "auto" }).isByCode).toBe(true)
  })

  test("with a key of one's own", () => {
    using box = openClaimBox()
    const claim = box.start({ fileCode })
    expect(claim.claim({ code: fileCode, adminKey: "my own key, or so" })).toMatchObject({ adminKey: "my own key, or so" })
    expect(openKeys(box.store).verify("my own key, or so")).toEqual({ role: "admin" })
  })

  test("gives the recovery key in the same transaction: what fails there leaves the code as it was", () => {
    using box = openClaimBox()
    const torn = box.start({
      fileCode,
      recovery: () => {
        throw new Error("the disk is gone")
      },
    })
    expect(() => torn.claim({ code: fileCode })).toThrow("the disk is gone")
    expect(torn.isAwaited()).toBe(true)
    const claim = box.start({ fileCode, recovery: () => ({ kind: "made", key: "AAAA-BBBB" }) })
    expect(claim.claim({ code: fileCode })).toMatchObject({ kind: "claimed", recovery: { kind: "made", key: "AAAA-BBBB" } })
  })

  test("is taken once: the same code again, and another person, are refused", () => {
    using box = openClaimBox()
    const claim = box.start({ fileCode })
    expect(claim.claim({ code: fileCode }).kind).toBe("claimed")
    expect(claim.claim({ code: fileCode })).toEqual({ kind: "already_claimed" })
    expect(claim.claim({ code: wrong })).toEqual({ kind: "already_claimed" })
    expect(box.start({ fileCode }).claim({ code: fileCode })).toEqual({ kind: "already_claimed" })
  })

  test("a used code is void for good, though its file stays and the admin key is lost", () => {
    using box = openClaimBox()
    box.start({ fileCode }).claim({ code: fileCode })
    box.store.prepare("delete from api_keys").run()
    const claim = box.start({ fileCode })
    expect(claim.asked).toMatchObject({ source: "start" })
    expect(claim.claim({ code: fileCode }).kind).toBe("wrong_code")
  })

  test("of several processes at the same moment one wins", async () => {
    using box = openClaimBox()
    box.start({ fileCode })
    const at = String(Date.now() + 1500)
    const child = join(import.meta.dir, "claiming-process.ts")
    const command = [process.execPath, child, box.folder.file("gatehouse.db"), fileCode, at]
    const children = Array.from({ length: 4 }, () => Bun.spawn(command, { stdout: "pipe", stderr: "inherit" }))
    const told = await Promise.all(children.map(async ({ stdout }) => JSON.parse(await stdout.text()) as Claimed))
    expect(kindsOf(told).toSorted()).toEqual(["already_claimed", "already_claimed", "already_claimed", "claimed"])
    const winner = told.find((one) => one.kind === "claimed")
    expect(openKeys(box.store).verify(winner?.kind === "claimed" ? winner.adminKey : "")).toEqual({ role: "admin" })
  })
})

describe("wrong tries", () => {
  test("five lock the code, also for whoever has the right one then", () => {
    using box = openClaimBox()
    const claim = box.start({ fileCode })
    const tries = Array.from({ length: claimTriesMax }, () => claim.claim({ code: wrong }))
    expect(tries).toEqual([4, 3, 2, 1, 0].map((triesLeft) => ({ kind: "wrong_code", triesLeft })))
    expect(kindsOf([claim.claim({ code: fileCode }), claim.claim({ code: wrong })])).toEqual(["locked", "locked"])
    expect(claim.isAwaited()).toBe(true)
  })

  test("are counted over restarts", () => {
    using box = openClaimBox()
    for (let left = claimTriesMax - 1; left >= 0; left--) {
      const claim = box.start({ fileCode })
      expect(claim.asked).toEqual({ source: "file" })
      expect(claim.claim({ code: wrong })).toEqual({ kind: "wrong_code", triesLeft: left })
    }
    // Locked for good: the next start asks for one that is shown on the console.
    const claim = box.start({ fileCode })
    expect(claim.asked).toMatchObject({ source: "start" })
    expect(claim.claim({ code: fileCode })).toEqual({ kind: "wrong_code", triesLeft: 4 })
    expect(claim.claim({ code: claim.asked?.code ?? "" }).kind).toBe("claimed")
  })

  test("four, and then the right one", () => {
    using box = openClaimBox()
    const claim = box.start({ fileCode })
    for (let tries = 1; tries < claimTriesMax; tries++) claim.claim({ code: wrong })
    expect(claim.claim({ code: fileCode }).kind).toBe("claimed")
  })

  test("what cannot be a code is none", () => {
    using box = openClaimBox()
    const claim = box.start({ fileCode })
    for (const code of ["", "123", "x".repeat(100), "7K3QM-X9D1U"])
      expect(claim.claim({ code })).toMatchObject({ kind: "mistyped", why: expect.any(String) })
    expect(claim.claim({ code: wrong })).toEqual({ kind: "wrong_code", triesLeft: 4 })
  })
})

describe("the quarter of an hour", () => {
  test("begins with the start of the box, and ends; another start opens another one", () => {
    using box = openClaimBox()
    box.uptimeS = 30 * 24 * 3600
    const claim = box.start({ fileCode })
    box.uptimeS += claimWindowS + 1
    expect(claim.claim({ code: fileCode })).toEqual({ kind: "expired" })
    // A code that is over costs no try.
    expect(claim.claim({ code: wrong })).toEqual({ kind: "expired" })
    expect(box.start({ fileCode }).claim({ code: wrong })).toEqual({ kind: "wrong_code", triesLeft: 4 })
    expect(box.start({ fileCode }).claim({ code: fileCode }).kind).toBe("claimed")
  })

  test("is a quarter of an hour", () => {
    using box = openClaimBox()
    const claim = box.start({ fileCode })
    box.uptimeS += 15 * minute
    expect(claim.claim({ code: fileCode }).kind).toBe("claimed")
  })

  test("of a machine that was started since is over", () => {
    using box = openClaimBox()
    box.uptimeS = 5000
    const claim = box.start({ fileCode })
    box.uptimeS = 10
    expect(claim.claim({ code: fileCode })).toEqual({ kind: "expired" })
  })
})

describe("another code", () => {
  test("by the command: the running box takes it at once, and the one before no more", () => {
    using box = openClaimBox()
    const claim = box.start({ fileCode })
    for (let tries = 0; tries < claimTriesMax; tries++) claim.claim({ code: wrong })
    box.uptimeS += claimWindowS * 2
    const renewed = renewClaimCode(box.store, openKeys(box.store), () => box.uptimeS)
    if (renewed.kind === "failed") throw new Error(renewed.why)
    expect(claim.claim({ code: fileCode })).toEqual({ kind: "wrong_code", triesLeft: 4 })
    expect(claim.claim({ code: renewed.value }).kind).toBe("claimed")
  })

  test("by the command before a start: that one is asked for", () => {
    using box = openClaimBox()
    const renewed = renewClaimCode(box.store, openKeys(box.store), () => box.uptimeS)
    box.uptimeS = 5
    const claim = box.start()
    expect(claim.asked).toEqual({ source: "command" })
    expect(claim.claim({ code: renewed.kind === "ok" ? renewed.value : "" }).kind).toBe("claimed")
  })

  test("is not made for a box that has its owner", () => {
    using box = openClaimBox()
    openKeys(box.store).ensureAdminKey()
    expect(renewClaimCode(box.store, openKeys(box.store))).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("reset-key"),
    })
  })

  test("of a start takes the place of that of the start before, and leaves no rows behind", () => {
    using box = openClaimBox()
    const codes = Array.from({ length: 20 }, () => box.start().asked?.code ?? "")
    expect(new Set(codes).size).toBe(20)
    expect(box.store.prepare("select 1 from claim_codes").all()).toHaveLength(1)
    const claim = box.start()
    expect(claim.claim({ code: codes[0] ?? "" }).kind).toBe("wrong_code")
  })

  test("is nowhere in the database but as a hash", () => {
    using box = openClaimBox()
    const { asked } = box.start()
    box.start({ fileCode })
    box.store.shrinkLog()
    const made = asked?.code ?? "?"
    for (const name of ["gatehouse.db", "gatehouse.db-wal"])
      for (const code of [made, made.replace("-", ""), fileCode])
        expect(readFileSync(box.folder.file(name)).includes(code)).toBe(false)
  })
})

describe("the file", () => {
  function withFile(text: string, work: (path: string) => void) {
    using folder = tempFolder()
    const path = folder.file("claim-code")
    writeFileSync(path, text)
    work(path)
  }

  test("is read where systemd or the environment says", () => {
    withFile("7k3qm-x9d1a\n", (path) => {
      expect(readClaimCodeFile({ GATEHOUSE_CLAIM_CODE_FILE: path })).toEqual({ kind: "ok", value: fileCode })
      expect(readClaimCodeFile({ CREDENTIALS_DIRECTORY: join(path, "..") })).toEqual({ kind: "ok", value: fileCode })
    })
  })

  test.each(["", "\n", "none", "none\n"])("%j: nobody gave a code", (text) => {
    withFile(text, (path) => expect(readClaimCodeFile({ GATEHOUSE_CLAIM_CODE_FILE: path })).toBeUndefined())
  })

  test("that is not there, or not named, is none", () => {
    expect(readClaimCodeFile({})).toBeUndefined()
    expect(readClaimCodeFile({ GATEHOUSE_CLAIM_CODE_FILE: "", CREDENTIALS_DIRECTORY: "" })).toBeUndefined()
    expect(readClaimCodeFile({ GATEHOUSE_CLAIM_CODE_FILE: "/nowhere/claim-code" })).toBeUndefined()
    expect(readClaimCodeFile({ CREDENTIALS_DIRECTORY: "/nowhere" })).toBeUndefined()
  })

  test.each([
    ["another file", "root:x:0:0:root:/root:/bin/bash", "holds no claim code"],
    ["a long one", "7K3QM-X9D1A ".repeat(20), "too long"],
  ])("%s is refused, and its text is not quoted", (_what, text, why) => {
    withFile(text, (path) => {
      const read = readClaimCodeFile({ GATEHOUSE_CLAIM_CODE_FILE: path })
      if (read?.kind !== "failed") throw new Error("it was taken")
      expect(read.why).toContain(why)
      expect(read.why).not.toContain("root")
      expect(read.why).not.toContain("7K3QM")
    })
  })

  test("that is a folder is named with the reason", () => {
    using folder = tempFolder()
    expect(readClaimCodeFile({ GATEHOUSE_CLAIM_CODE_FILE: folder.path })).toMatchObject({
      kind: "failed",
      why: expect.stringContaining(folder.path),
    })
  })
})
