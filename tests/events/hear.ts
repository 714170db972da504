import { EventSourceParserStream } from "eventsource-parser/stream"

export interface HeardEvent {
  readonly event: string | undefined
  readonly id: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into what they have just been told
  readonly data: any
}

/** The events of an answer as a client in another program reads them; ends without a word when the connection breaks. */
export async function* hear(answer: Response): AsyncGenerator<HeardEvent> {
  if (answer.status !== 200 || answer.body === null) throw new Error(`no stream: ${answer.status} ${await answer.text()}`)
  const reader = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).getReader()
  while (true) {
    const read = await reader.read().catch(() => undefined)
    if (read === undefined || read.done) return
    const { event, id, data } = read.value
    yield { event, id, data: JSON.parse(data) }
  }
}
