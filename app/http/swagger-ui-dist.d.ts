/** Imported with `{ type: "file" }`, a file is its path. */
declare module "swagger-ui-dist/*" {
  const path: string
  export default path
}
