import { join } from 'node:path'
import { haproxy } from '../../deploy/server-program.mjs'
import { freePort } from '../../gateway/port.ts'
import { startFleetProxy } from '../harness/nginx.ts'
import { orders, policyOf } from '../harness/policy.ts'
import { listening, type Running, startProcess } from '../harness/process.ts'
import type { Site } from '../harness/site.ts'
import { HEALTH_PATH } from './service-fault.ts'

/** A load balancer in front of the services, in its own process. */
export interface LoadBalancer extends Running {
  readonly port: number
}

export const contenders = ['gate', 'nginx', 'haproxy'] as const

export type Contender = (typeof contenders)[number]

type Start = (site: Site, ports: readonly number[]) => Promise<LoadBalancer>

/**
 * Starts each contender with its best settings for failing services. All have the same limits: 500 ms for a connection
 * and for the head of a reply, and at most three attempts for a request. The gate and HAProxy check the health of the
 * services every second, and return a failing one after five passed checks: a service that fails half of its requests
 * often passes two.
 */
export const startContender: Readonly<Record<Contender, Start>> = {
  gate: (site, ports) => site.node({ policy: policyOf(site.issuer.url, { orders: fleetEntry(ports) }) }),
  nginx: async (site, ports) => site.keep(await startFleetProxy(site.newFolder('nginx'), ports)),
  haproxy: async (site, ports) => {
    const { command, env } = haproxy.find()
    const port = await freePort('127.0.0.1')
    const [one, two, three] = ports.map(String)
    const running = startProcess(command, ['-q', '-db', '-f', join(import.meta.dirname, 'haproxy.cfg')], {
      ...process.env,
      ...env,
      PORT: String(port),
      ONE: one,
      TWO: two,
      THREE: three,
    })
    await listening(port)
    return site.keep({ ...running, port })
  },
}

function fleetEntry(ports: readonly number[]): Readonly<Record<string, unknown>> {
  return {
    ...orders(ports[0]!),
    upstreams: ports.map((port) => `http://127.0.0.1:${port}`),
    timeouts: { connect: '500ms', first_byte: '500ms', total: '2s' },
    retry: { on: ['connect', 'reset', 'timeout', 500, 502, 503, 504], attempts: 3 },
    health: { path: HEALTH_PATH, interval: '1s', timeout: '500ms', unhealthy: 2, healthy: 5 },
    ejection: { failures: 2, errors: 3 },
  }
}
