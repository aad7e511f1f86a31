/** TCP ports of a demo on 127.0.0.1. */
export interface Ports {
  readonly offset: number
  readonly gate: number
  /** Port of the gate for HTTP/2 over TLS. */
  readonly http2: number
  /** Ports of the admin listeners, one per node. */
  readonly admin: readonly [number, number]
  readonly issuer: number
  readonly orders: number
  readonly reports: number
  readonly files: number
  /** Port of the gRPC service. */
  readonly rpc: number
  readonly redis: number
  /** Port of the worker's HTTP server with health probes. */
  readonly worker: number
  /** URLs of gate and issuer when clients reach them by host name, as in containers. */
  readonly urls?: { readonly gate: string; readonly issuer: string }
}

const base = {
  gate: 8080,
  http2: 8443,
  issuer: 8090,
  orders: 8101,
  reports: 8102,
  files: 8103,
  rpc: 8104,
  redis: 8379,
  worker: 9092,
}
const baseAdmin = [9090, 9091] as const

/** Largest port offset, so that every port of the demo is at most 65535. */
const maxOffset = 65_535 - base.worker

/**
 * Returns the ports of a demo with this offset. @throws {RangeError} when `offset` is not a whole number from 0 to
 * 56443
 */
export function portsAt(offset: number): Ports {
  if (!Number.isInteger(offset) || offset < 0 || offset > maxOffset) {
    throw new RangeError(`the port offset is a whole number from 0 to ${maxOffset}`)
  }
  const moved = Object.fromEntries(Object.entries(base).map(([name, port]) => [name, port + offset]))
  return { offset, ...(moved as typeof base), admin: [baseAdmin[0] + offset, baseAdmin[1] + offset] }
}

/** Returns each port of the demo with its name for messages, in the order in which the processes start. */
export function namedPorts(ports: Ports): readonly (readonly [name: string, port: number])[] {
  return [
    ['redis', ports.redis],
    ['issuer', ports.issuer],
    ['service orders', ports.orders],
    ['service reports', ports.reports],
    ['service files', ports.files],
    ['service rpc', ports.rpc],
    ['probes of the worker', ports.worker],
    ['gate', ports.gate],
    ['gate with HTTP/2', ports.http2],
    ['admin of node-1', ports.admin[0]],
    ['admin of node-2', ports.admin[1]],
  ]
}

export const loopback = (port: number): string => `http://127.0.0.1:${port}`
export const loopbackTls = (port: number): string => `https://127.0.0.1:${port}`

export const gateUrl = ({ urls, gate }: Ports): string => urls?.gate ?? loopback(gate)
export const issuerUrl = ({ urls, issuer }: Ports): string => urls?.issuer ?? loopback(issuer)

/**
 * Replaces the ports in a policy template, which has the ports of offset 0, by the ports of this demo.
 *
 * @throws {Error} when the template has an address on 127.0.0.1 with a port that the demo does not use
 */
export function movePorts(template: string, ports: Ports): string {
  const known = new Set([...Object.values(base), ...baseAdmin])
  return template.replaceAll(/127\.0\.0\.1:(\d+)/g, (address, port) => {
    if (!known.has(Number(port))) throw new Error(`${address} is not an address of the demo`)
    return `127.0.0.1:${Number(port) + ports.offset}`
  })
}
