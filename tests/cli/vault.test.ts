import { describe, expect, test } from "bun:test"
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { silentLog } from "../../app/base/log.ts"
import { selfCommand } from "../../app/base/self.ts"
import { openBoxFolder } from "../../app/box/open.ts"
import { exitCodes } from "../../app/cli/outcome.ts"
import { openGallery } from "../../app/gallery/open.ts"
import type { SuiteName } from "../../app/vault/suite.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

/** The whole program as a shell starts it. */
async function gatehouse(args: readonly string[], env: Readonly<Record<string, string>> = {}, input = "") {
  const child = Bun.spawn([...selfCommand(), ...args], {
    env: { ...process.env, ...env },
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, out: out.trim(), err: err.trim() }
}

async function names(dataFolder: string, suite: SuiteName, keyFile: string | null, added: readonly string[] = []) {
  const opened = openBoxFolder({ dataFolder, vault: { suite, keyFile } }, { log: silentLog })
  if (opened.kind !== "ok") throw new Error(opened.why)
  const gallery = await openGallery(opened.value.store, opened.value.vault)
  for (const name of added) gallery.createSubject(name)
  const found = gallery.subjects({ limit: 100 }).items.map(({ name }) => name)
  await gallery.close()
  opened.value.store.close()
  return found
}

const boxIn = (folder: TempFolder) => ({
  data: folder.file("data"),
  key: folder.file("master.key"),
  env: { GATEHOUSE_DATA: folder.file("data"), GATEHOUSE_MASTER_KEY_FILE: folder.file("master.key") },
})

describe.each(["aes", "gm"] as const)("%s", (suite) => {
  test("from a first key over a backup to another machine, with the recovery key alone", async () => {
    using folder = tempFolder()
    const { data, key, env } = boxIn(folder)
    expect(await gatehouse(["vault", "make-key", key])).toMatchObject({ code: 0 })
    expect(statSync(key).mode & 0o777).toBe(0o400)
    expect((await gatehouse(["vault", "make-key", key])).err).toContain("EEXIST")
    expect(await gatehouse(["vault", "status"], env)).toMatchObject({
      code: exitCodes.failed,
      err: expect.stringContaining("not there"),
    })
    await names(data, suite, key, ["Ada", "Grace"])

    const status = JSON.parse((await gatehouse(["vault", "status", "--json"], env)).out)
    expect(status).toMatchObject({ sealed: true, suite, recoveryKey: false, rotation: null, exposure: { level: "warn" } })
    const shown = await gatehouse(["vault", "recovery"], env)
    expect(shown.out).toMatch(/^([0-9A-Z]{4}-){7}[0-9A-Z]{4}$/)
    expect((await gatehouse(["vault", "status"], env)).out).toContain("a recovery key has been given out")

    const file = folder.file("one.backup")
    expect((await gatehouse(["backup", file], env)).out).toContain("It is sealed")
    expect((await gatehouse(["restore", file, "--check"], env)).out).toContain("opens with the master key of this machine")
    const foreign = { GATEHOUSE_DATA: folder.file("other"), GATEHOUSE_MASTER_KEY_FILE: folder.file("other.key") }
    expect((await gatehouse(["restore", file, "--check"], foreign)).out).toContain("was not tried")
    const fromInput = await gatehouse(["restore", file, "--check", "--recovery-key-file", "-"], foreign, `${shown.out}\n`)
    expect(fromInput.out).toContain("opens with this recovery key")

    for (const [given, words] of [
      [undefined, "give the recovery key"],
      [shown.out.replace(/.$/, (last) => (last === "7" ? "8" : "7")), "look at the recovery key again"],
      [(await gatehouse(["vault", "recovery"], env)).out, "does not open this backup"],
    ] as const) {
      const refused = await gatehouse(["restore", file], { ...foreign, ...(given && { GATEHOUSE_RECOVERY_KEY: given }) })
      expect(refused).toMatchObject({ code: exitCodes.failed, err: expect.stringContaining(words) })
    }
    expect(readdirSync(folder.path)).not.toContain("other.key")

    writeFileSync(folder.file("paper"), shown.out.toLowerCase())
    const nowhere = await gatehouse([
      "restore",
      file,
      "--recovery-key-file",
      folder.file("paper"),
      "--data",
      folder.file("other"),
    ])
    expect(nowhere).toMatchObject({ code: exitCodes.failed, err: expect.stringContaining("no place for one") })
    const restored = await gatehouse(["restore", file, "--recovery-key-file", folder.file("paper")], foreign)
    expect(restored).toMatchObject({ code: 0, out: expect.stringContaining(folder.file("other.key")) })
    expect(await names(folder.file("other"), suite, folder.file("other.key"))).toEqual(["Ada", "Grace"])
    expect(readFileSync(folder.file("other.key"), "utf8")).not.toBe(readFileSync(key, "utf8"))

    truncateSync(file, statSync(file).size - 100)
    const cut = await gatehouse(["restore", file, "--replace"], foreign)
    expect(cut).toMatchObject({ code: exitCodes.failed, err: expect.stringContaining("its end is missing") })
  })

  test("rotate takes the file's place, and says what is needed no more", async () => {
    using folder = tempFolder()
    const { data, key, env } = boxIn(folder)
    await gatehouse(["vault", "make-key", key])
    await names(data, suite, key, ["Ada"])
    const before = JSON.parse((await gatehouse(["vault", "status", "--json"], env)).out).masterId
    const rotated = await gatehouse(["vault", "rotate", "--json"], env)
    expect(JSON.parse(rotated.out)).toMatchObject({ retiredId: before, resumed: false })
    expect(existsSync(`${key}.next`)).toBe(false)
    expect(await names(data, suite, key)).toEqual(["Ada"])
    writeFileSync(folder.file("wrong.key"), "00".repeat(32), { mode: 0o400 })
    const locked = await gatehouse(["vault", "status"], { ...env, GATEHOUSE_MASTER_KEY_FILE: folder.file("wrong.key") })
    expect(locked).toMatchObject({ code: exitCodes.locked, err: expect.stringContaining("bring that key back") })
  })
})

test("of a folder in the clear it is said what a thief could read, also by its backup", async () => {
  using folder = tempFolder()
  const data = folder.file("data")
  await names(data, "aes", null, ["Ada"])
  expect((await gatehouse(["vault", "status", "--data", data])).out).toContain("nothing is sealed")
  expect((await gatehouse(["vault", "recovery", "--data", data])).err).toContain("not sealed")
  const file = folder.file("one.backup")
  expect((await gatehouse(["backup", file, "--data", data])).out).toContain("It is not sealed")
  expect((await gatehouse(["restore", file, "--check"])).out).not.toContain("sealed")
})
