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
  /** The reply waits until this promise is resolved. */
  readonly held?: Promise<unknown>
}

/** An HTTP server for requests with a plain or gzip body; the test sets its replies. */
export class HttpReceiver {
  readonly received: Received[] = []
  answer: (request: Received) => Reply = () => ({ status: 200, body: '{}' })
  port = 0

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Parsed JSON lines of all request bodies that got a 2xx reply. */
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

  /** Simulates a crash: closes the server and its connections. `listen(port)` starts it again. */
  close(): Promise<unknown> {
    return this.#close()
  }

  #close: () => Promise<unknown> = async () => {}
}

export function httpReceiver(): Promise<HttpReceiver> {
  return new HttpReceiver().listen()
}
