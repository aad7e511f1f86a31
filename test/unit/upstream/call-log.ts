import { setImmediate as turn } from 'node:timers/promises'
import type { GatewayFault } from '../../../gateway/base/fault.ts'
import type { Target, UpstreamCall, UpstreamListener, UpstreamRequest } from '../../../gateway/upstream/target.ts'
import { within } from '../../kit/deadline.ts'

/** A call, and what it reported in order. */
export class CallLog implements UpstreamListener {
  readonly events: string[] = []
  readonly fields: [name: string, value: string][] = []
  status = 0
  body = ''
  fault: GatewayFault | undefined
  call!: UpstreamCall
  /** While true, every chunk asks the service to be held. */
  holding = false
  readonly #over = Promise.withResolvers<void>()

  onHead(status: number, _text: string, fields: readonly Buffer[]): void {
    this.events.push('head')
    this.status = status
    for (let i = 0; i < fields.length; i += 2) {
      this.fields.push([fields[i]!.toString('latin1'), fields[i + 1]!.toString('latin1')])
    }
  }

  onData(chunk: Buffer): boolean {
    if (this.events.at(-1) !== 'data') this.events.push('data')
    this.body += chunk.toString('latin1')
    return !this.holding
  }

  onEnd(): void {
    this.events.push('end')
    this.#over.resolve()
  }

  onFault(fault: GatewayFault): void {
    this.events.push('fault')
    this.fault = fault
    this.#over.resolve()
  }

  over(limitMs = 5000): Promise<void> {
    return within(limitMs, () => `the end of a call; it reported ${this.events}`, this.#over.promise)
  }
}

const timeouts = { firstByteMs: 5000, idleMs: 5000 }

/** Sends `GET /`, unless told otherwise. */
export function send(target: Target, request: Partial<UpstreamRequest> = {}): CallLog {
  const log = new CallLog()
  log.call = target.send(
    { method: 'GET', target: '/', fields: ['host', 'api.test'], body: undefined, timeouts, ...request },
    log,
  )
  return log
}

/** As `send`, and waits until it is over. */
export async function called(target: Target, request: Partial<UpstreamRequest> = {}): Promise<CallLog> {
  const log = send(target, request)
  await log.over()
  // undici takes a connection into use again a turn of the event loop after its reply.
  await turn()
  await turn()
  return log
}
