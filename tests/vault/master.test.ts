import { describe, expect, test } from "bun:test"
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { exposureOf } from "../../app/vault/exposure.ts"
import { credentialName, findMasterKeys, type MasterPlaces } from "../../app/vault/master.ts"
import { nextKeyFile, promoteNextKeyFile, readKeyFile, writeKeyFile } from "../../app/vault/master-file.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

const [first, second, third] = [createMaterial(), createMaterial(), createMaterial()]

function places(folder: TempFolder, given: Partial<MasterPlaces> = {}): MasterPlaces {
  const dataFolder = folder.file("data")
  mkdirSync(dataFolder, { recursive: true })
  return { dataFolder, ...given }
}

function keyFile(folder: TempFolder, material = first, name = "master.key"): string {
  expect(writeKeyFile(folder.file(name), material).kind).toBe("ok")
  return folder.file(name)
}

function offered(given: MasterPlaces) {
  const found = findMasterKeys(given)
  if (found.kind === "failed") throw new Error(found.why)
  return found.value.map(({ material, source }) => [material.toHex(), source.from])
}

test("a credential of systemd comes before a file, and a file before the environment; all of them are offered", () => {
  using folder = tempFolder()
  const credentialsFolder = folder.file("credentials")
  mkdirSync(credentialsFolder)
  writeFileSync(`${credentialsFolder}/${credentialName}`, first)
  const given = { credentialsFolder, keyFile: keyFile(folder, second), environment: third.toHex() }
  expect(offered(places(folder, given))).toEqual([
    [first.toHex(), "credential"],
    [second.toHex(), "file"],
    [third.toHex(), "environment"],
  ])
  expect(offered(places(folder, { ...given, credentialsFolder: folder.file("none") }))[0]?.[1]).toBe("file")
  expect(offered(places(folder, { environment: third.toHex() }))).toEqual([[third.toHex(), "environment"]])
  expect(offered(places(folder))).toEqual([])
  expect(offered(places(folder, { keyFile: folder.file("nowhere.key") }))).toEqual([])
})

test("the next key of a rotation is offered after the present one, and takes its place", () => {
  using folder = tempFolder()
  const path = keyFile(folder)
  writeKeyFile(nextKeyFile(path), second)
  expect(offered(places(folder, { keyFile: path })).map(([material]) => material)).toEqual([first.toHex(), second.toHex()])
  promoteNextKeyFile(path)
  expect(offered(places(folder, { keyFile: path }))).toEqual([[second.toHex(), "file"]])
  expect(readdirSync(folder.path).sort()).toEqual(["data", "master.key"])
})

test("a key file is written for us alone, and never over another one", () => {
  using folder = tempFolder()
  const path = keyFile(folder)
  expect(statSync(path).mode & 0o777).toBe(0o400)
  expect(readFileSync(path, "utf8")).toBe(`${first.toHex()}\n`)
  expect(writeKeyFile(path, second)).toMatchObject({ kind: "failed", why: expect.stringContaining("EEXIST") })
  expect(writeKeyFile(folder.file("no", "such", "folder"), second).kind).toBe("failed")
  expect(readdirSync(folder.path)).toEqual(["master.key"])
})

describe("a key file that is not safe is refused in words", () => {
  test.each([0o600, 0o440, 0o404, 0o444, 0o500, 0o644, 0o777])("mode %o", (mode) => {
    using folder = tempFolder()
    const path = keyFile(folder)
    chmodSync(path, mode)
    const found = findMasterKeys(places(folder, { keyFile: path, environment: second.toHex() }))
    expect(found).toMatchObject({ kind: "failed", why: expect.stringContaining(`chmod 0400 ${path}`) })
  })

  test("in the data folder, also by another name", () => {
    using folder = tempFolder()
    const { dataFolder } = places(folder)
    mkdirSync(`${dataFolder}/..keys`)
    const path = keyFile(folder, first, "data/..keys/master.key")
    symlinkSync(path, folder.file("elsewhere.key"))
    for (const name of [path, folder.file("elsewhere.key"), `${folder.path}/data/../data/..keys/master.key`])
      expect(readKeyFile(name, dataFolder)).toMatchObject({ why: expect.stringContaining("lies in the data folder") })
  })

  test("a folder that only begins like the data folder is another one", () => {
    using folder = tempFolder()
    const { dataFolder } = places(folder)
    mkdirSync(folder.file("data-keys"))
    expect(readKeyFile(keyFile(folder, first, "data-keys/master.key"), dataFolder)?.kind).toBe("ok")
  })

  test.each([
    ["nothing", ""],
    ["half a key", first.toHex().slice(0, 32)],
    ["a password as long as a key", "correct horse battery staple 123"],
    ["a key and more", `${first.toHex()}00`],
    ["a word", "correct horse battery staple"],
    ["a picture", "x".repeat(5000)],
  ])("with %s in it", (_what, content) => {
    using folder = tempFolder()
    const path = folder.file("master.key")
    writeFileSync(path, content, { mode: 0o400 })
    const found = findMasterKeys(places(folder, { keyFile: path }))
    expect(found).toMatchObject({ kind: "failed", why: expect.stringContaining(path) })
    expect(JSON.stringify(found)).not.toContain(content.slice(0, 20) || "nothing that could be in it")
  })

  test("a folder in its place", () => {
    using folder = tempFolder()
    mkdirSync(folder.file("master.key"), { mode: 0o400 })
    expect(findMasterKeys(places(folder, { keyFile: folder.file("master.key") })).kind).toBe("failed")
  })

  test("an environment with something else in it", () => {
    using folder = tempFolder()
    const found = findMasterKeys(places(folder, { environment: "secret" }))
    expect(found).toMatchObject({ kind: "failed", why: expect.stringContaining("GATEHOUSE_MASTER_KEY holds no master key") })
  })
})

test("a key file of another user is refused", () => {
  using folder = tempFolder()
  const isRoot = process.getuid?.() === 0
  const path = isRoot ? keyFile(folder) : "/etc/passwd"
  if (isRoot) Bun.spawnSync(["chown", "12345", path])
  expect(readKeyFile(path, folder.file("data"))).toMatchObject({ why: expect.stringContaining("belongs to user") })
})

test("it is said in words what a thief of the disk could read", () => {
  using folder = tempFolder()
  const found = findMasterKeys(places(folder, { keyFile: keyFile(folder), environment: second.toHex() }))
  if (found.kind === "failed") throw new Error(found.why)
  const [file, environment] = found.value.map(({ source }) => exposureOf(source))
  expect(exposureOf(undefined)).toMatchObject({
    level: "warn",
    text: expect.stringMatching(/nothing is sealed.*names.*vectors.*pictures/),
  })
  expect(file).toMatchObject({ level: "warn", text: expect.stringContaining("on the same disk") })
  expect(environment).toMatchObject({ level: "warn", text: expect.stringContaining("GATEHOUSE_MASTER_KEY") })
  for (const hasTpm of [true, false]) {
    const credential = exposureOf({ from: "credential", path: "/run/credentials/x", hasTpm })
    expect(credential).toMatchObject({ level: hasTpm ? "ok" : "warn", text: expect.stringContaining("TPM") })
  }
  const apart = exposureOf({ from: "file", path: "/mnt/stick/master.key", onDataDisk: false })
  expect(apart).toMatchObject({ level: "ok", text: expect.stringContaining("on another disk") })
  for (const material of [first, second]) expect(JSON.stringify([file, environment])).not.toContain(material.toHex())
})
