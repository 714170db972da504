/** `with { type: "file" }`: the path of the file, also inside a compiled program. */
declare module "*.woff2" {
  const path: string
  export default path
}
