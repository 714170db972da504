import { swaggerScript, swaggerStyle } from "../docs-files.ts"
import { type Route, reply, route } from "../route.ts"

/** The page loads what it is made of from this box and nothing from anywhere else, whatever its script may try. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  // Swagger UI writes styles into its elements.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

/** Without a validator address Swagger UI would send the document to one on the internet. */
const startScript = `SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  docExpansion: "list",
  tryItOutEnabled: true,
  validatorUrl: null,
})
`

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>Gatehouse: the API</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="docs/style.css">
  </head>
  <body>
    <div id="ui"></div>
    <script src="docs/swagger-ui.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`

/** The API to look at and to try out in a browser, also on a box that reaches nothing but itself. */
export function docsRoutes(): Route[] {
  return [
    route({
      method: "get",
      path: "/docs",
      access: "open",
      summary: "This description to read and try out in a browser",
      answers: { 200: { mediaType: "text/html; charset=utf-8" } },
      answerHeaders: { "content-security-policy": "what the page may load: nothing from outside the box" },
      handle: () => reply(200, page, { "content-security-policy": policy }),
    }),
    part("/docs/start.js", "text/javascript", async () => startScript),
    part("/docs/swagger-ui.js", "text/javascript", swaggerScript),
    part("/docs/style.css", "text/css", swaggerStyle),
  ]
}

function part(path: string, type: string, read: () => Promise<string>): Route {
  return route({
    method: "get",
    path,
    access: "open",
    summary: "A part of the page at /docs",
    undescribed: true,
    answers: { 200: { mediaType: `${type}; charset=utf-8` } },
    handle: async () => reply(200, await read()),
  })
}
