import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { GatewayFault } from '../../../gateway/base/fault.ts'
import { Http1Target } from '../../../gateway/upstream/http1-target.ts'
import type { ReplyHead } from '../../../gateway/upstream/reply-head.ts'
import type { UpgradeCall, UpgradeListener, UpgradeRequest } from '../../../gateway/upstream/target.ts'
import { atEnd } from '../../kit/cleanup.ts'

/** Records the events of an upgrade in order. */
export class UpgradeLog implements UpgradeListener {
  readonly events: unknown[] = []
  call!: UpgradeCall
  /** While true, each message pauses the service. */
  holding = false
  fault: GatewayFault | undefined
  opened: () => void = () => {}

  onOpen(): void {
    this.opened()
  }

  onSwitch(_head: ReplyHead, protocol: string): void {
    this.events.push(['switch', protocol])
  }

  onHead(head: ReplyHead): void {
    this.events.push(['head', head.status])
  }

  onData(chunk: Buffer): boolean {
    this.events.push(['data', chunk.toString('latin1')])
    return true
  }

  onEnd(): void {
    this.events.push('end')
  }

  onMessage(data: Buffer, binary: boolean): boolean {
    this.events.push([binary ? 'binary' : 'text', data.length > 100 ? data.length : data.toString('latin1')])
    return !this.holding
  }

  onClose(code: number, reason: Buffer): void {
    this.events.push(['close', code, reason.toString()])
  }

  onDrained(): void {
    this.events.push('drained')
  }

  onFault(fault: GatewayFault): void {
    this.fault = fault
    this.events.push('fault')
  }
}

/** Asks the service at `url` to switch to WebSocket. */
export function upgrade(url: string, request: Partial<UpgradeRequest> = {}, log = new UpgradeLog()): UpgradeLog {
  const target = new Http1Target(new URL(url), 5000, 64)
  const timeouts = { firstByteMs: 20_000, idleMs: 20_000 }
  const fields = ['host', 'api.test', 'x-a', 'b']
  log.call = target.upgrade(
    { target: '/ws?a=b', fields, protocols: [], timeouts, maxMessageBytes: 1 << 20, ...request },
    log,
  )
  return log
}

/** A service that speaks WebSocket by the `ws` package. */
export async function wsService(accept: (socket: WebSocket, fields: Record<string, unknown>) => void): Promise<string> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    handleProtocols: (offered) => [...offered].at(-1) ?? false,
  })
  server.on('connection', (socket, request) => accept(socket, request.headers))
  await new Promise((done) => server.once('listening', done))
  atEnd(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
