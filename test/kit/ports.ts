import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'

/**
 * First port for tests. The range is below the ports that the kernel assigns by itself (`ip_local_port_range`), so that
 * the kernel cannot assign a port that was just found free. It is above the ports of the demo.
 */
const firstPort = 10_000
const lastPort = 19_999
/**
 * Number of port ranges. Each worker of a test run has its own range; another run on this machine usually has other
 * ranges.
 */
const parts = 16
/** A port that `fetch` refuses to call (https://fetch.spec.whatwg.org/#bad-port), the only one in the range. */
const refusedByFetch = 10_080
const portsOfPart = Math.floor((lastPort - firstPort + 1) / parts)

const part = (Number(process.env['VITEST_POOL_ID'] ?? 0) + process.ppid) % parts
const ownFirst = firstPort + part * portsOfPart
let given = Math.floor(Math.random() * portsOfPart)

/** Ports in use when the tables were read last, and the time of the next reading, by `performance.now()`. */
let used = new Set<number>()
let readAgainMs = 0

/** Returns different ports of 127.0.0.1 on which nothing listens, and which the kernel never assigns by itself. */
export function freePorts(count: number): number[] {
  // Only this worker uses ports of its range, each of them once until the range is used up, so recent tables suffice. The
  // kernel searches its whole table of connections at each reading.
  if (performance.now() > readAgainMs) {
    used = usedPorts()
    readAgainMs = performance.now() + 5000
  }
  const free: number[] = []
  for (let tries = 0; tries < portsOfPart && free.length < count; tries++) {
    const port = ownFirst + (given++ % portsOfPart)
    if (!used.has(port) && port !== refusedByFetch) free.push(port)
  }
  if (free.length < count) throw new Error(`of the ports from ${ownFirst} on, ${free.length} are free, not ${count}`)
  return free
}

export function freePort(): number {
  return freePorts(1)[0]!
}

/** Listens on 127.0.0.1 and returns the port. Port 0 selects a free port on which the server can listen again later. */
export async function listen(server: Server, port = 0): Promise<number> {
  server.listen(port === 0 ? freePort() : port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/**
 * Returns the ports in use at any address and in any TCP state: a closing connection also prevents listening on its
 * port.
 */
function usedPorts(): Set<number> {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFileSync(file, 'latin1'))
  return new Set(
    tables.flatMap((table) =>
      [...table.matchAll(/^ *\d+: [0-9A-F]+:([0-9A-F]{4}) /gm)].map(([, port]) => Number.parseInt(port!, 16)),
    ),
  )
}
