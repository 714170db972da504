import type { z } from "zod"
import { type BodyFormat, type BodyFormats, mapFormats, type Parsed, parseJson } from "./body.ts"
import { problem } from "./problem.ts"
import { pictureJson } from "./requests.ts"

/** Boundaries and the headers of the parts. */
const multipartOverheadBytes = 16 * 1024

/** The quotes, the keys and a `data:` prefix. */
const jsonOverheadBytes = 1024

/** Bytes, as an OpenAPI document says it. */
const binary = { type: "string", contentMediaType: "application/octet-stream" }

/** One picture: the body itself, the multipart field `file`, or JSON `{ "image": base64 }`. */
export function pictureBody(imageBytesMax: number): BodyFormats<Uint8Array> {
  return {
    ...pictureFileBody(imageBytesMax),
    ...mapFormats(base64Body(pictureJson, 1, imageBytesMax), ({ image }) => image),
  }
}

/** One picture as a file: the body itself or the multipart field `file`. */
export function pictureFileBody(imageBytesMax: number): BodyFormats<Uint8Array> {
  const raw: BodyFormat<Uint8Array> = {
    schema: binary,
    bytesMax: imageBytesMax,
    tooLarge: "image_too_large",
    parse: async (bytes) => checkPicture(bytes, "the body", imageBytesMax),
  }
  return {
    "image/jpeg": raw,
    "image/png": raw,
    "image/webp": raw,
    "application/octet-stream": raw,
    ...mapFormats(multipartBody(["file"], imageBytesMax), ({ file }) => file),
  }
}

/** Pictures as files of a multipart form, one for each field. */
export function multipartBody<Field extends string>(
  fields: readonly Field[],
  imageBytesMax: number,
): BodyFormats<Record<Field, Uint8Array>> {
  return {
    "multipart/form-data": {
      schema: { type: "object", properties: Object.fromEntries(fields.map((field) => [field, binary])), required: fields },
      bytesMax: fields.length * imageBytesMax + multipartOverheadBytes,
      tooLarge: "image_too_large",
      parse: async (bytes, contentType) => {
        const form = await readForm(bytes, contentType)
        if (form === undefined)
          return problem("bad_request", "the multipart body is broken, or its boundary is not the one that content-type names")
        const pictures: [Field, Uint8Array][] = []
        for (const field of fields) {
          const picture = await filePart(form, field, imageBytesMax)
          if (picture.kind !== "ok") return picture
          pictures.push([field, picture.value])
        }
        return { kind: "ok", value: Object.fromEntries(pictures) as Record<Field, Uint8Array> }
      },
    },
  }
}

/** JSON of which up to `count` fields are pictures in base64, already decoded by the schema. */
export function base64Body<Value extends object>(
  schema: z.ZodType<Value>,
  count: number,
  imageBytesMax: number,
): BodyFormats<Value> {
  return {
    "application/json": {
      schema,
      bytesMax: count * Math.ceil(imageBytesMax / 3) * 4 + jsonOverheadBytes,
      tooLarge: "image_too_large",
      parse: async (bytes) => {
        const parsed = parseJson(bytes, schema)
        if (parsed.kind !== "ok") return parsed
        for (const [field, value] of Object.entries(parsed.value)) {
          if (!(value instanceof Uint8Array)) continue
          const checked = checkPicture(value, `"${field}"`, imageBytesMax)
          if (checked.kind !== "ok") return checked
        }
        return parsed
      },
    },
  }
}

type Form = Awaited<ReturnType<Response["formData"]>>

async function readForm(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<Form | undefined> {
  try {
    return await new Response(bytes, { headers: { "content-type": contentType } }).formData()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return undefined
  }
}

async function filePart(form: Form, field: string, imageBytesMax: number): Promise<Parsed<Uint8Array>> {
  const parts = form.getAll(field)
  const [part] = parts
  if (part === undefined) return problem("bad_request", `the multipart body has no field "${field}"; it carries the picture`)
  if (parts.length > 1) return problem("bad_request", `the multipart field "${field}" is there ${parts.length} times; send one`)
  if (typeof part === "string")
    return problem("bad_request", `the multipart field "${field}" is text, not a file; with curl: -F ${field}=@photo.jpg`)
  return checkPicture(new Uint8Array(await part.arrayBuffer()), `the multipart field "${field}"`, imageBytesMax)
}

function checkPicture(bytes: Uint8Array, where: string, imageBytesMax: number): Parsed<Uint8Array> {
  if (bytes.length === 0) return problem("bad_request", `${where} is empty: no picture`)
  if (bytes.length > imageBytesMax)
    return problem("image_too_large", `${where} is a picture of ${bytes.length} bytes; at most ${imageBytesMax} are taken`)
  return { kind: "ok", value: bytes }
}
