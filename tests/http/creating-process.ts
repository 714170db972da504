import { writeSync } from "node:fs"
import { paint } from "../support/painted.ts"
import { openTestBox } from "./box.ts"

// Adds people and a face each, one after another, from a number on, each under an Idempotency-Key of its own. Says before each
// request that it sends it and after each answer what it made, until it is killed.
const [path, from] = process.argv.slice(2)
const box = await openTestBox({}, path)
for (let i = Number(from); ; i++) {
  const key = `person-${i}`
  writeSync(1, `sending ${key}\n`)
  const subject = await box.ask("POST", "/v1/subjects", {
    body: JSON.stringify({ name: `Person ${i}` }),
    headers: { "content-type": "application/json", "idempotency-key": key },
  })
  writeSync(1, `made ${key} ${subject.json.id}\n`)
  const faceKey = `face-${i}`
  writeSync(1, `sending ${faceKey} ${subject.json.id}\n`)
  const face = await box.ask("POST", `/v1/subjects/${subject.json.id}/faces`, {
    body: paint({ person: `Person ${i}` }),
    headers: { "content-type": "image/jpeg", "idempotency-key": faceKey },
  })
  writeSync(1, `made ${faceKey} ${face.json.face.id}\n`)
}
