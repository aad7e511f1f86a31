import { join } from 'node:path'
import { freePort } from '../../gateway/port.ts'
import { startForkedService } from '../harness/forked-service.ts'
import { Inspector, inspectedAt } from '../harness/inspector.ts'
import { startCollector, startGrpcService } from '../harness/nginx.ts'
import { type BenchNode, startWorker } from '../harness/node.ts'
import type { BenchRedis } from '../harness/redis.ts'
import type { Site } from '../harness/site.ts'
import { BenchIssuer } from '../harness/tokens.ts'
import { type SoakServices, soakPolicy } from './soak-policy.ts'
import type { WatchedProcess } from './soak-samples.ts'
import { CALL_MESSAGE } from './stream-clients.ts'

/** Lifetime of tokens and sessions, s: everything that depends on them has expired soon after the end of the load. */
export const LIFE_S = 150

const NODES = 2

export interface SoakNode extends BenchNode {
  readonly http2Port: number
}

/** Two nodes, a worker with an audit sink, Redis, an issuer and services. */
export interface SoakCluster {
  readonly nodes: readonly SoakNode[]
  readonly issuer: BenchIssuer
  readonly redis: BenchRedis
  readonly services: SoakServices
  readonly processes: readonly WatchedProcess[]
}

export async function startSoakCluster(site: Site): Promise<SoakCluster> {
  const issuer = await BenchIssuer.start(LIFE_S)
  site.keep({ stop: async () => issuer.close() })
  const redis = await site.redis()
  const service = site.keep(await startForkedService(join(import.meta.dirname, 'soak-service.ts')))
  const grpc = site.keep(await startGrpcService(site.newFolder('grpc-service'), CALL_MESSAGE))
  const collector = site.keep(await startCollector(site.newFolder('collector')))
  const services = { http: service.port, grpc: grpc.port }
  const nodes: SoakNode[] = []
  const processes: WatchedProcess[] = []
  while (nodes.length < NODES) {
    const [http2Port, inspectorPort] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')]
    const node = await site.node({
      policy: soakPolicy(issuer.url, services, 0),
      redis: redis.url,
      settings: {
        listen_h2: { address: `127.0.0.1:${http2Port}`, tls: false },
        // A client that uses a connection at the moment at which the node closes it would count as a failure.
        request: { idle: '10m' },
        // The cache of validated tokens is full before the end of the warm-up: until then the heap grows by 3 KiB a token.
        tokens: { cache: 512 },
        // Records leave Redis soon after the sink has received them, so that their number becomes constant early.
        audit: { recent: '30s', sinks: { collector: { type: 'http', url: `http://127.0.0.1:${collector.port}/` } } },
      },
      env: { NODE_OPTIONS: inspectedAt(inspectorPort) },
      ...(nodes[0] !== undefined && { keysOf: nodes[0].folder }),
    })
    nodes.push({ ...node, http2Port })
    const inspector = await Inspector.attach(inspectorPort)
    site.keep({ stop: async () => inspector.detach() })
    processes.push({ name: `node ${nodes.length}`, pid: node.pid, insight: { adminPort: node.adminPort, inspector } })
  }
  const worker = site.keep(startWorker(nodes[0]!.folder))
  processes.push({ name: 'worker', pid: worker.pid }, { name: 'redis', pid: redis.pid })
  return { nodes, issuer, redis, services, processes }
}
