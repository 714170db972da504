import { expect, test } from "bun:test"
import { fillFolder } from "../../scripts/bench/search/filled-box.ts"
import { restartAgainAndAgain } from "../../scripts/faults/storage/restarts.ts"

// The whole of it, with its limits and unsealed too: scripts/faults/restart.ts.
test("a sealed box with a graph is killed and answers as before", async () => {
  await using filled = await fillFolder(11_000, { suite: "aes" })
  const { different, asked } = await restartAgainAndAgain(filled, 1, 30)
  expect(asked).toBe(30)
  expect(different).toBe(0)
}, 120_000)
