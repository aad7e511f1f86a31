import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'

export interface Received {
  readonly target: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

interface Reply {
  readonly status: number
  readonly body?: string
  readonly fields?: Readonly<Record<string, string>>
  readonly delayMs?: number
  /** The reply waits for this. */
  readonly held?: Promise<unknown>
}

/** Takes POSTs, compressed or not, and answers as the test wants. */
export class HttpReceiver {
  readonly received: Received[] = []
  answer: (request: Received) => Reply = () => ({ status: 200, body: '{}' })
  port = 0

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Lines of all bodies that were answered with 2xx, as JSON. */
  readonly taken: Record<string, unknown>[] = []

  async listen(port = 0): Promise<this> {
    const server = createServer(async (request, response) => {
      const raw = await buffer(request)
      const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString()
      const received = { target: request.url!, headers: request.headers, text }
      this.received.push(received)
      const { status, body = '', fields = {}, delayMs = 0, held } = this.answer(received)
      await held
      await sleep(delayMs)
      if (status < 300)
        this.taken.push(
          ...text
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line)),
        )
      response.writeHead(status, fields).end(body)
    })
    this.port = await listen(server, port)
    this.#close = () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    }
    atEnd(() => this.#close())
    return this
  }

  /** As if the receiver had died; `listen(port)` brings it back. */
  close(): Promise<unknown> {
    return this.#close()
  }

  #close: () => Promise<unknown> = async () => {}
}

export function httpReceiver(): Promise<HttpReceiver> {
  return new HttpReceiver().listen()
}
