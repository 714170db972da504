import { join } from "node:path"
import { resourcesFolder } from "../base/resources/folder.ts"

const read = (name: string) => Bun.file(join(resourcesFolder(), "node_modules/swagger-ui-dist", name)).text()

/** What Swagger UI is made of. Read anew for each page that asks: two megabytes that hardly anybody needs. */
export const swaggerScript = (): Promise<string> => read("swagger-ui-bundle.js")
export const swaggerStyle = (): Promise<string> => read("swagger-ui.css")
