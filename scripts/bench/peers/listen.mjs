// What the library peers share: a picture over HTTP, decoded by sharp, one after the other, the number of faces back.
import { createServer } from "node:http"
import sharp from "sharp"

/**
 * @param {(pixels: { data: Buffer, width: number, height: number }) => Promise<number>} countFaces
 */
export function listen(countFaces) {
  let last = Promise.resolve()
  const server = createServer((request, response) => {
    const chunks = []
    request.on("data", (chunk) => chunks.push(chunk))
    request.on("end", () => {
      // The libraries keep state between the steps of one picture: two at once would mix.
      last = last.then(() => answer(Buffer.concat(chunks), response))
    })
  })
  server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`))

  async function answer(jpeg, response) {
    try {
      const { data, info } = await sharp(jpeg).removeAlpha().raw().toBuffer({ resolveWithObject: true })
      const faces = await countFaces({ data, width: info.width, height: info.height })
      response.setHeader("content-type", "application/json").end(JSON.stringify({ faces }))
    } catch (error) {
      response.writeHead(500).end(String(error))
    }
  }
}
