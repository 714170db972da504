import { expect, test } from "bun:test"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { tempFolder } from "../support/shared.ts"

const key = "a-key-for-this-test-alone"

/** What a reader types: the blocks marked `sh`. */
async function typed(readme: string): Promise<string> {
  const text = await Bun.file(join(projectRoot, readme)).text()
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block).join("")
}

test("the quick start leads from a start to a recognised photograph, in under 2 s to the open port", async () => {
  using folder = tempFolder()
  // Whatever set-up has still to do is not what is timed.
  expect(await Bun.spawn([join(projectRoot, "scripts/setup")], { stderr: "inherit" }).exited).toBe(0)
  const started = performance.now()
  const box = Bun.spawn([join(projectRoot, "scripts/run"), "--port", "0", "--engines", "1"], {
    env: { ...process.env, GATEHOUSE_DATA: folder.file("data"), GATEHOUSE_ADMIN_KEY: key, GATEHOUSE_LOG: "warn" },
    stdout: "pipe",
    stderr: "inherit",
  })
  try {
    const url = await listeningUrl(box.stdout)
    expect(performance.now() - started).toBeLessThan(2000)
    await ready(url)
    const commands = (await typed("README.md"))
      .replace(/^KEY=.*$/m, `KEY=${key}`)
      .replaceAll("http://127.0.0.1:8080", url)
      .replace(/(?<= |=)photos(?=\/|$)/gm, folder.file("photos"))
    const shell = Bun.spawn(["sh", "-eu", "-c", commands], { cwd: projectRoot, stdout: "pipe", stderr: "inherit" })
    const said = await shell.stdout.text()
    expect(await shell.exited).toBe(0)

    const { faces } = JSON.parse(said.slice(said.lastIndexOf('{"requestId"')))
    const answers = faces.map((face: { decision: string; match?: { name: string } }) => face.match?.name ?? face.decision)
    expect(answers.sort()).toEqual(["Ada", "unknown", "unknown", "unknown"])
  } finally {
    box.kill()
    await box.exited
  }
})

test("both languages tell the same commands", async () => {
  expect(await typed("README.zh.md")).toBe(await typed("README.md"))
})

async function listeningUrl(output: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = ""
  for await (const chunk of output.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const url = /listens on (http:\S+)/.exec(text)?.[1]
    if (url !== undefined) return url.replace(/\/$/, "")
  }
  throw new Error(`the box ended without listening: ${text}`)
}

/** The port opens before the engines are warm; the quick start is typed by a person, who is slower. */
async function ready(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await fetch(`${url}/readyz`)).ok) return
    await Bun.sleep(50)
  }
  throw new Error("the box is not ready after 10 s")
}
