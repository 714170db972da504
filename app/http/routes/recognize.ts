import { elapsedMs, nowTickMs } from "../../base/ticks.ts"
import type { AnalyzedFace } from "../../face/face.ts"
import type { Policy } from "../../inference/work.ts"
import { type Hurry, type LookOptions, lookAt } from "../../pipeline/analyze.ts"
import type { Judgement } from "../../pipeline/judge.ts"
import type { Named } from "../../pipeline/name.ts"
import { type RecognizedFace, recognize } from "../../pipeline/recognize.ts"
import { type Recognized, recognizeQuickly } from "../../pipeline/refine.ts"
import { recordSighting, snapshotAsked } from "../../pipeline/sight.ts"
import { detectionAnswer, embeddingAnswer, recognitionAnswer } from "../answers.ts"
import { type HttpNeeds, recognizing } from "../needs.ts"
import { analysisCodes, noAnalysis } from "../outcomes.ts"
import { pictureBody } from "../pictures.ts"
import { detectQuery } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"
import { recognizeQuery } from "../sighting-requests.ts"

/** One picture in, its faces out: with names, with vectors, or as they are. */
export function recognizeRoutes(needs: HttpNeeds): Route[] {
  const { models, recognition } = needs
  const { policies } = recognition
  const body = pictureBody(needs.http.imageBytesMax)
  const recognizeNeeds = { ...recognizing(needs), refinements: needs.refinements }
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
      recognizes: true,
      query: recognizeQuery,
      body,
      answers: { 200: recognitionAnswer },
      errors: analysisCodes,
      handle: async ({ requestId, query, body, ...hurry }) => {
        const { camera, capturedAtMs } = query
        const options = {
          ...look(hurry, policies.recognize, query.faceWidthPxMin),
          camera,
          snapshot: camera === undefined ? undefined : snapshotAsked(needs.sightingOptions),
          candidates: query.candidates ?? recognition.candidates,
          threshold: query.threshold,
          group: query.group,
        }
        const record = (recognized: Recognized): Kept => {
          if (camera === undefined) return {}
          const sight = recordSighting(recognized, { camera, requestId, capturedAtMs, trace: hurry.trace }, needs)
          return sight.kind === "recorded"
            ? { sightingId: sight.sightingId }
            : sight.kind === "no_face"
              ? {}
              : { notRecorded: sight.why }
        }
        const toAnswer = ({ image, faces, judgement, degraded, cached, timingsMs }: Recognized, kept: Kept) => {
          const space = query.include === "embedding" ? models.space : undefined
          const toldFaces = faces.map((face) => toRecognizedFace(face, space))
          const decidedBy = toDecidedBy(judgement)
          return { requestId, models, image, faces: toldFaces, decidedBy, degraded, cached, ...kept, timingsMs }
        }

        if (query.prefer !== "fast") {
          const recognized = await recognize(body, recognizeNeeds, options)
          if (recognized.kind !== "recognized") return noAnalysis(recognized)
          return reply(200, toAnswer(recognized, record(recognized)))
        }
        const quick = await recognizeQuickly(body, recognizeNeeds, {
          ...options,
          refineBudgetMs: recognition.refine.budgetMs,
          refined: (quick, full) => {
            const kept = record(full ?? quick)
            if (full === undefined) return
            needs.live.refined({ requestId, camera, subjectIds: subjectsIn(full), answer: toAnswer(full, kept) })
          },
        })
        if (quick.kind !== "recognized") return noAnalysis(quick)
        return reply(200, { ...toAnswer(quick, quick.refines ? {} : record(quick)), refines: quick.refines })
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

/** What became of a camera's frame. */
interface Kept {
  readonly sightingId?: string
  /** A full disk closes no door: the answer is given all the same. */
  readonly notRecorded?: string
}

/** Who is, or may be, in the picture. */
function subjectsIn({ faces }: Recognized): string[] {
  return faces.flatMap(({ decision, candidates: [nearest] }) =>
    decision === "unknown" || nearest === undefined ? [] : [nearest.subjectId],
  )
}

function toRecognizedFace(face: RecognizedFace, space: string | undefined) {
  return { ...toFace(face), ...toNamed(face), ...(space === undefined ? {} : toEmbedding(face, space)) }
}

export function toDecidedBy({ match, uncertain, odds }: Judgement) {
  return { match, uncertain, ...odds }
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
    match: match && { subjectId: match.subjectId, name: match.name, faceId: match.faceId, similarity: match.similarity },
    candidates: candidates.map(({ subjectId, name, similarity, impostorSimilarity }) => ({
      ...{ subjectId, name, similarity },
      ...(impostorSimilarity !== undefined && { impostorSimilarity }),
    })),
  }
}
