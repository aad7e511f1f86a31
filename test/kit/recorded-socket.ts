import type { WebSocket } from 'ws'
import { until } from './until.ts'

/** A WebSocket of the `ws` package with all that it has received. */
export class RecordedSocket {
  readonly ws: WebSocket
  /** Messages in the order of arrival: text as a string, binary as a buffer. */
  readonly messages: (string | Buffer)[] = []
  /** Code and reason of the close; 1006 without a close frame. */
  closed: readonly [code: number, reason: string] | undefined

  constructor(ws: WebSocket) {
    this.ws = ws
    ws.on('message', (data: Buffer, binary) => this.messages.push(binary ? data : data.toString()))
    ws.on('close', (code, reason) => {
      this.closed = [code, reason.toString()]
    })
    ws.on('error', () => undefined)
  }

  /** Waits for this many messages. @returns all that were received */
  async received(count: number): Promise<readonly (string | Buffer)[]> {
    await until(`${count} messages, of which ${this.messages.length} came`, () => this.messages.length >= count)
    return this.messages
  }

  /** Waits for the end. @returns code and reason */
  async ended(): Promise<readonly [code: number, reason: string]> {
    await until('the end of a WebSocket', () => this.closed !== undefined)
    return this.closed!
  }
}
