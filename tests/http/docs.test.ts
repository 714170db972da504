import { expect, test } from "bun:test"
import { createHttpApp } from "../../app/http/app.ts"
import { serveHttp } from "../../app/http/serve.ts"
import { openTestBox } from "./box.ts"

test("the page is made of nothing but parts of this box", async () => {
  await using box = await openTestBox()
  const page = await box.askWithoutKey("GET", "/docs")
  expect(page.status).toBe(200)
  expect(page.headers.get("content-security-policy")).toStartWith("default-src 'none'; script-src 'self';")
  const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = ""]) => path)
  expect(parts).toEqual(["data:,", "docs/style.css", "docs/swagger-ui.js", "docs/start.js"])
  for (const path of parts.slice(1)) {
    const part = await box.askWithoutKey("GET", `/${path}`)
    expect([part.status, part.headers.get("content-type")]).toEqual([
      200,
      `text/${path.endsWith("css") ? "css" : "javascript"}; charset=utf-8`,
    ])
  }
  // Browsers take a script only from under such a policy whose type is said.
  expect(page.headers.get("x-content-type-options")).toBe("nosniff")
})

test("the parts of the page are no interface: the document leaves them out", async () => {
  await using box = await openTestBox()
  const { json } = await box.askWithoutKey("GET", "/openapi.json")
  expect(Object.keys(json.paths).filter((path) => path.startsWith("/docs"))).toEqual(["/docs"])
})

const chromium = Bun.which("chromium") ?? Bun.which("google-chrome")

test.skipIf(chromium === null)("a browser that reaches only this box shows every operation, without an error", async () => {
  await using box = await openTestBox()
  const asked: string[] = []
  const app = createHttpApp(box.needs)
  const seen: typeof app = Object.assign(Object.create(app), {
    fetch: (request: Request, connection: object) => {
      asked.push(new URL(request.url).pathname)
      return app.fetch(request, connection)
    },
  })
  const server = serveHttp(seen, { host: "127.0.0.1", port: 0, drainMs: 100 })
  const browser = Bun.spawn(
    [
      chromium ?? "",
      ...["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--enable-logging=stderr"],
      ...["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--dump-dom", `${server.url}/docs`],
    ],
    { stdout: "pipe", stderr: "pipe" },
  )
  const [shown, said] = await Promise.all([browser.stdout.text(), browser.stderr.text()])
  await server.stop()
  expect(said.split("\n").filter((line) => line.includes("CONSOLE"))).toEqual([])
  expect(asked.toSorted()).toEqual(["/docs", "/docs/start.js", "/docs/style.css", "/docs/swagger-ui.js", "/openapi.json"])
  const operations = box.routes.filter(({ undescribed }) => undescribed !== true)
  expect([...shown.matchAll(/class="opblock-summary-path"[^>]* data-path="/g)]).toHaveLength(operations.length)
  for (const { summary } of operations) expect(shown).toContain(Bun.escapeHTML(summary).replaceAll("&#x27;", "'"))
})
