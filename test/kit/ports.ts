import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'

/**
 * Below all that the kernel gives away by itself (`ip_local_port_range`), which could be one that was free a moment ago,
 * and above those of the demo.
 */
const firstPort = 10_000
const lastPort = 19_999
/** Each worker of a run has its own range of ports. Another run on this machine has other ranges, as a rule. */
const parts = 16
const portsOfPart = Math.floor((lastPort - firstPort + 1) / parts)

const part = (Number(process.env['VITEST_POOL_ID'] ?? 0) + process.ppid) % parts
const ownFirst = firstPort + part * portsOfPart
let given = Math.floor(Math.random() * portsOfPart)

/** Ports of 127.0.0.1, all different, on which nothing listens, and which nobody gets who does not ask by their number. */
export function freePorts(count: number): number[] {
  const used = usedPorts()
  const free: number[] = []
  for (let tries = 0; tries < portsOfPart && free.length < count; tries++) {
    const port = ownFirst + (given++ % portsOfPart)
    if (!used.has(port)) free.push(port)
  }
  if (free.length < count) throw new Error(`of the ports from ${ownFirst} on, ${free.length} are free, not ${count}`)
  return free
}

export function freePort(): number {
  return freePorts(1)[0]!
}

/** Listens on 127.0.0.1; port 0 takes a free one, which it can come back to. Gives the port. */
export async function listen(server: Server, port = 0): Promise<number> {
  server.listen(port === 0 ? freePort() : port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Of any address and in any state, of which those that wait for their end cannot be listened on either. */
function usedPorts(): Set<number> {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFileSync(file, 'latin1'))
  return new Set(
    tables.flatMap((table) =>
      [...table.matchAll(/^ *\d+: [0-9A-F]+:([0-9A-F]{4}) /gm)].map(([, port]) => Number.parseInt(port!, 16)),
    ),
  )
}
