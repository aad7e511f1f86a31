import { GrpcClient } from './grpc-client.ts'
import { GrpcService } from './grpc-service.ts'
import { startIssuer, type TestIssuer } from './issuer.ts'
import { rulesFor } from './issuer-rules.ts'
import { foundEpoch, startNodes, startRevocationService, type TestService } from './node-cluster.ts'
import { testPolicy } from './policy.ts'
import { redisSettingsFor, testLink, testRedis } from './redis.ts'
import type { TestNode } from './test-node.ts'

/** Two nodes with one Redis in front of a gRPC service, and a client of each. */
export interface GrpcGates {
  readonly issuer: TestIssuer
  readonly service: GrpcService
  readonly nodes: readonly TestNode[]
  readonly clients: readonly [GrpcClient, GrpcClient]
  /** Revokes credentials in the cluster. */
  readonly revocation: TestService
}

export async function startGrpcGates(): Promise<GrpcGates> {
  const redis = await testRedis()
  const link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  const [issuer, service] = await Promise.all([startIssuer(), GrpcService.start()])
  const nodes = await startNodes({
    nodes: 2,
    policy: testPolicy({
      issuer: issuer.url,
      orders: `http://127.0.0.1:${service.port}`,
      ordersEntry: {
        protocol: 'h2c',
        routes: [{ id: 'rpc', match: { grpc: 'demo.Orders/*' }, require: { scopes: { all: ['rpc'] } } }],
      },
    }),
    redis: { url: `redis://127.0.0.1:${redis.port}/0` },
    settings: {
      listen_h2: { address: '127.0.0.1:0', tls: false },
      log: { access: true, format: 'json' },
    },
  })
  const [first, second] = nodes.map(({ http2Port }) => new GrpcClient(http2Port))
  const revocation = await startRevocationService({ issuers: [rulesFor(issuer.url)], link })
  return { issuer, service, nodes, clients: [first!, second!], revocation }
}
