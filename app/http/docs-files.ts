// Paths of the files: in a checkout those of the package, in the compiled program those of the copies inside it.

import stylePath from "swagger-ui-dist/swagger-ui.css" with { type: "file" }
import scriptPath from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" }

/** What Swagger UI is made of. Read anew for each page that asks: two megabytes that hardly anybody needs. */
export const swaggerScript = (): Promise<string> => Bun.file(scriptPath).text()
export const swaggerStyle = (): Promise<string> => Bun.file(stylePath).text()
