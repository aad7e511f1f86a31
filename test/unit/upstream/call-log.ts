import { setImmediate as turn } from 'node:timers/promises'
import type { GatewayFault } from '../../../gateway/base/fault.ts'
import type { ReplyHead } from '../../../gateway/upstream/reply-head.ts'
import type {
  Trailers,
  UpstreamCall,
  UpstreamListener,
  UpstreamRequest,
  UpstreamTarget,
} from '../../../gateway/upstream/target.ts'
import { within } from '../../kit/deadline.ts'

/** A call to an upstream, and the events that the call reported, in order. */
export class CallLog implements UpstreamListener {
  readonly events: string[] = []
  readonly fields: [name: string, value: string][] = []
  status = 0
  /** Status line from the status code on, as the gate sends it to a client. */
  statusLine = ''
  body = ''
  trailers: Trailers | undefined
  fault: GatewayFault | undefined
  /** True when the head of the reply was the whole reply. */
  isEnd = false
  call!: UpstreamCall
  /** While true, the listener pauses the call after every chunk of the reply. */
  holding = false
  readonly #over = Promise.withResolvers<void>()

  /** Callback that runs when the connection is open and no byte of the request is written yet. */
  opened: () => void = () => {}

  onOpen(): void {
    this.opened()
  }

  onHead(head: ReplyHead): void {
    this.events.push('head')
    this.status = head.status
    this.isEnd = head.isEnd
    const [statusLine = '', ...lines] = head.lines().toString('latin1').split('\r\n')
    this.statusLine = statusLine
    for (const line of lines) this.fields.push(fieldOf(line))
  }

  onData(chunk: Buffer): boolean {
    if (this.events.at(-1) !== 'data') this.events.push('data')
    this.body += chunk.toString('latin1')
    return !this.holding
  }

  onEnd(trailers?: Trailers): void {
    this.events.push('end')
    this.trailers = trailers
    this.#over.resolve()
  }

  onFault(fault: GatewayFault): void {
    this.events.push('fault')
    this.fault = fault
    this.#over.resolve()
  }

  over(limitMs = 60_000): Promise<void> {
    return within(limitMs, () => `the end of a call; it reported ${this.events}`, this.#over.promise)
  }
}

function fieldOf(line: string): [name: string, value: string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}

const timeouts = { firstByteMs: 5000, idleMs: 5000 }

/** Sends a request to the target. Default: `GET /` without a body. */
export function send(target: Pick<UpstreamTarget, 'send'>, request: Partial<UpstreamRequest> = {}): CallLog {
  const log = new CallLog()
  log.call = target.send(
    { method: 'GET', target: '/', fields: ['host', 'api.test'], body: undefined, timeouts, ...request },
    log,
  )
  return log
}

/** Sends a request as `send` does, and waits until the call ends. */
export async function called(
  target: Pick<UpstreamTarget, 'send'>,
  request: Partial<UpstreamRequest> = {},
): Promise<CallLog> {
  const log = send(target, request)
  await log.over()
  // undici makes a connection available again one turn of the event loop after its reply.
  await turn()
  await turn()
  return log
}
