import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { selfCommand } from "../../../app/base/self.ts"
import { tempFolder } from "../../support/shared.ts"

test("a box that is told to place more engines than there are processors ends with the reason, the numbers and the remedy", async () => {
  using folder = tempFolder()
  const config = folder.file("box.jsonc")
  writeFileSync(config, JSON.stringify({ inference: { engines: 64, threadsPerEngine: 64, affinity: "cores" } }))
  const command = [...selfCommand(), "serve", "--data", folder.file("data"), "--port", "0"]
  const box = Bun.spawn(command, {
    env: { ...process.env, GATEHOUSE_CONFIG: config, GATEHOUSE_MODEL_SET: "default", GATEHOUSE_LOG: "error" },
    stdout: "ignore",
    stderr: "pipe",
  })
  const said = await box.stderr.text()
  // As for any wrong configuration: a service manager is not to try again.
  expect(await box.exited).toBe(78)
  expect(said).toContain(
    'inference.affinity "cores": 64 × threadsPerEngine 64 wants 4096 processors, and this process may use ',
  )
  expect(said).toContain("set fewer inference.engines or threadsPerEngine")
})
