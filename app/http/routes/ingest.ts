import { z } from "zod"
import { type RecognizedFace, recognize } from "../../pipeline/recognize.ts"
import { recordSightingSoon, snapshotAsked } from "../../pipeline/sight.ts"
import { type BodyFormats, mapFormats } from "../body.ts"
import { type HttpNeeds, recognizing } from "../needs.ts"
import { analysisCodes, noAnalysis, notRecorded } from "../outcomes.ts"
import { base64Body, pictureFileBody } from "../pictures.ts"
import { type Route, reply, route } from "../route.ts"
import { ingestAnswer } from "../sighting-answers.ts"
import { cameraName, ingestJson, ingestQuery } from "../sighting-requests.ts"
import { toDecidedBy } from "./recognize.ts"

/** Where cameras send their frames. */
export function ingestRoutes(needs: HttpNeeds): Route[] {
  const { recognition: options } = needs
  const recognizeNeeds = recognizing(needs)

  return [
    route({
      method: "post",
      path: "/ingest/{camera}",
      parameters: z.strictObject({ camera: cameraName }),
      access: "key",
      summary: "A frame of a camera: recognised, and recorded when there is a face. Of those that wait only the newest is kept",
      timed: true,
      recognizes: true,
      query: ingestQuery,
      body: frameBody(needs.http.imageBytesMax),
      answers: { 200: ingestAnswer },
      errors: analysisCodes,
      handle: async ({ requestId, path: { camera }, query, body, ...hurry }) => {
        const recognition = await recognize(body.picture, recognizeNeeds, {
          ...hurry,
          policy: options.policies.ingest,
          camera,
          snapshot: snapshotAsked(needs.sightingOptions),
          faceWidthPxMin: options.faceWidthPxMin,
          facesMax: options.facesMax,
          candidates: 1,
        })
        if (recognition.kind !== "recognized") return noAnalysis(recognition)
        const capturedAtMs = body.capturedAtMs ?? query.capturedAtMs
        const sight = await recordSightingSoon(recognition, { camera, requestId, capturedAtMs, trace: hurry.trace }, needs)
        if (sight.kind === "not_recorded") return notRecorded(sight.why)
        const { image, faces, judgement, degraded, timingsMs } = recognition
        return reply(200, {
          requestId,
          camera,
          ...(sight.kind === "recorded" ? { sightingId: sight.sightingId } : {}),
          image,
          faces: faces.map(inBrief),
          decidedBy: toDecidedBy(judgement),
          degraded,
          timingsMs: { wait: timingsMs.wait, total: timingsMs.total },
        })
      },
    }),
  ]
}

interface Frame {
  readonly picture: Uint8Array
  readonly capturedAtMs?: number | undefined
}

function frameBody(imageBytesMax: number): BodyFormats<Frame> {
  return {
    ...mapFormats(pictureFileBody(imageBytesMax), (picture): Frame => ({ picture })),
    ...mapFormats(base64Body(ingestJson, 1, imageBytesMax), ({ image, capturedAtMs }) => ({ picture: image, capturedAtMs })),
  }
}

function inBrief({ box, score, decision, candidates: [nearest] }: RecognizedFace) {
  const who = decision === "unknown" || nearest === undefined ? {} : { subjectId: nearest.subjectId, name: nearest.name }
  return { box, score, decision, ...who, ...(nearest === undefined ? {} : { similarity: nearest.similarity }) }
}
