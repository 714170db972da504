import { writeSync } from "node:fs"
import { silentLog } from "../../app/base/log.ts"
import { openBoxFolder } from "../../app/box/open.ts"
import { rotateMasterKey } from "../../app/box/rotate.ts"
import { masterPlaces } from "../../app/vault/open.ts"

// Gives a data folder another master key again and again, as `gatehouse vault rotate` does, until it is killed.
const [dataFolder = "", keyFile = ""] = process.argv.slice(2)
const options = { dataFolder, vault: { suite: "aes" as const, keyFile } }
const opened = openBoxFolder(options, { log: silentLog, seals: false })
if (opened.kind !== "ok") throw new Error(opened.why)
say("opened")
for (;;) {
  const rotated = await rotateMasterKey(opened.value, masterPlaces(dataFolder, options.vault), () => say("step"), 25)
  if (rotated.kind === "failed") throw new Error(rotated.why)
  say(rotated.value.resumed ? "resumed" : "rotated")
}

function say(word: string): void {
  writeSync(1, `${word}\n`)
}
