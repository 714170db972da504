import { writeSync } from "node:fs"
import { openKeys } from "../../app/vault/keys.ts"
import { findMasterKeys } from "../../app/vault/master.ts"
import { nextKeyFile, promoteNextKeyFile, readKeyFile, writeKeyFile } from "../../app/vault/master-file.ts"
import { createMaterial, masterKey } from "../../app/vault/master-key.ts"
import { createRotation } from "../../app/vault/rotation.ts"
import { unlock } from "../../app/vault/state.ts"
import { openSuite } from "../../app/vault/suites.ts"
import { openKeyRows } from "./key-rows.ts"

// Rotates the master key of a folder again and again, as a box does it, until it is killed; begins with whatever it finds.
const [dataFolder = "", keyFile = "", keysPerStep = "", rotations = ""] = process.argv.slice(2)
const rows = openKeyRows(`${dataFolder}/keys.db`)
const state = rows.state()
if (state === undefined) throw new Error("no state")
const { suite } = openSuite(state.suite)
const found = findMasterKeys({ keyFile, dataFolder })
if (found.kind === "failed") throw new Error(found.why)
const unlocked = unlock(
  suite,
  state,
  found.value.map(({ material }) => material),
)
if (unlocked.kind === "locked") throw new Error(unlocked.why)
const keys = openKeys(rows, unlocked.masters)
const rotation = createRotation(rows, keys)

const ofFile = (path: string) => {
  const read = readKeyFile(path, dataFolder)
  return read?.kind === "ok" ? masterKey(suite, read.value) : undefined
}
// Killed after the rotation began and before its key had the place of the old one.
if (ofFile(nextKeyFile(keyFile))?.id === state.masterId) promoteNextKeyFile(keyFile)
say("opened")

for (let left = Number(rotations); left > 0; ) {
  const step = rotation.step(Number(keysPerStep))
  say(step.kind)
  if (step.kind === "stuck") throw new Error(step.why)
  if (step.kind === "finished") left--
  if (step.kind !== "idle") continue
  const material = createMaterial()
  if (ofFile(nextKeyFile(keyFile)) === undefined) must(writeKeyFile(nextKeyFile(keyFile), material))
  say("next key written")
  const next = ofFile(nextKeyFile(keyFile))
  if (next === undefined) throw new Error("the next key cannot be read")
  const begun = rotation.begin(next)
  if (begun.kind === "refused") throw new Error(begun.why)
  say("begun")
  promoteNextKeyFile(keyFile)
}
rows.store.close()

function say(word: string): void {
  writeSync(1, `${word}\n`)
}

function must(done: { readonly kind: string; readonly why?: string }): void {
  if (done.kind !== "ok") throw new Error(done.why)
}
