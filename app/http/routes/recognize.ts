import { elapsedMs, nowTickMs } from "../../base/ticks.ts"
import type { AnalyzedFace } from "../../face/face.ts"
import type { Policy } from "../../inference/work.ts"
import { type Hurry, type LookOptions, lookAt } from "../../pipeline/analyze.ts"
import type { Named } from "../../pipeline/name.ts"
import { type RecognizedFace, recognize } from "../../pipeline/recognize.ts"
import { detectionAnswer, embeddingAnswer, recognitionAnswer } from "../answers.ts"
import type { HttpNeeds } from "../needs.ts"
import { analysisCodes, noAnalysis } from "../outcomes.ts"
import { pictureBody } from "../pictures.ts"
import { detectQuery, recognizeQuery } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"

/** One picture in, its faces out: with names, with vectors, or as they are. */
export function recognizeRoutes(needs: HttpNeeds): Route[] {
  const { models, recognition } = needs
  const { policies } = recognition
  const body = pictureBody(needs.http.imageBytesMax)
  const recognizeNeeds = {
    analyze: needs.pool.analyze,
    search: needs.gallery.search,
    space: models.space,
    thresholds: needs.thresholds,
    metrics: needs.metrics,
  }
  const look = (hurry: Hurry, policy: Policy, faceWidthPxMin = recognition.faceWidthPxMin): LookOptions => ({
    ...hurry,
    policy,
    faceWidthPxMin,
    facesMax: recognition.facesMax,
  })

  return [
    route({
      method: "post",
      path: "/v1/recognize",
      access: "key",
      summary: "Who is in the picture",
      timed: true,
      query: recognizeQuery,
      body,
      answers: { 200: recognitionAnswer },
      errors: analysisCodes,
      handle: async ({ requestId, query, body, ...hurry }) => {
        const recognition = await recognize(body, recognizeNeeds, {
          ...look(hurry, policies.recognize, query.faceWidthPxMin),
          candidates: query.candidates ?? needs.recognition.candidates,
          threshold: query.threshold,
        })
        if (recognition.kind !== "recognized") return noAnalysis(recognition)
        const { image, degraded, cached, timingsMs } = recognition
        const withEmbedding = query.include === "embedding"
        const faces = recognition.faces.map((face) => toRecognizedFace(face, withEmbedding ? models.space : undefined))
        return reply(200, { requestId, models, image, faces, degraded, cached, timingsMs })
      },
    }),

    route({
      method: "post",
      path: "/v1/detect",
      access: "key",
      summary: "Where the faces are, and how good they are",
      timed: true,
      query: detectQuery,
      body,
      answers: { 200: detectionAnswer },
      errors: analysisCodes,
      handle: async ({ requestId, query, body, ...hurry }) => {
        const startTickMs = nowTickMs()
        const analysis = await lookAt(body, needs.pool, "none", look(hurry, policies.detect, query.faceWidthPxMin))
        if (analysis.kind !== "ok") return noAnalysis(analysis)
        const timingsMs = { ...analysis.timingsMs, total: elapsedMs(startTickMs) }
        const faces = analysis.faces.map(toFace)
        const { image, degraded, cached = false } = analysis
        return reply(200, { requestId, models, image, faces, degraded, cached, timingsMs })
      },
    }),

    route({
      method: "post",
      path: "/v1/embed",
      access: "key",
      summary: "The faces as vectors",
      timed: true,
      query: detectQuery,
      body,
      answers: { 200: embeddingAnswer },
      errors: analysisCodes,
      handle: async ({ requestId, query, body, ...hurry }) => {
        const startTickMs = nowTickMs()
        const analysis = await lookAt(body, needs.pool, "all", look(hurry, policies.embed, query.faceWidthPxMin))
        if (analysis.kind !== "ok") return noAnalysis(analysis)
        const timingsMs = { ...analysis.timingsMs, total: elapsedMs(startTickMs) }
        const faces = analysis.faces.map((face) => ({ ...toFace(face), ...toEmbedding(face, models.space) }))
        const { image, degraded, cached = false } = analysis
        return reply(200, { requestId, models, image, faces, degraded, cached, timingsMs })
      },
    }),
  ]
}

function toRecognizedFace(face: RecognizedFace, space: string | undefined) {
  return { ...toFace(face), ...toNamed(face), ...(space === undefined ? {} : toEmbedding(face, space)) }
}

export function toFace({ box, score, landmarks, quality }: AnalyzedFace) {
  return { box, score, landmarks, quality }
}

function toEmbedding({ embedding }: AnalyzedFace, space: string) {
  return { embedding: Array.from(embedding ?? []), space }
}

export function toNamed({ decision, match, candidates }: Named) {
  return {
    decision,
    match,
    candidates: candidates.map(({ subjectId, name, similarity }) => ({ subjectId, name, similarity })),
  }
}
