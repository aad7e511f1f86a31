import { randomBytes } from 'node:crypto'
import { testPolicy } from './policy.ts'
import type { NodeOptions } from './test-node.ts'

export const introspectionSecret = 'a-secret:of the+gate'

/** Environment variables with the secrets to which `opaqueGate` refers. */
export const opaqueSecrets = {
  TEST_ENCRYPTION_KEY: randomBytes(32).toString('base64url'),
  TEST_INTROSPECTION_SECRET: introspectionSecret,
}

interface OpaqueGateParts {
  readonly issuer: string
  readonly orders: string
  /** Port of Redis on loopback; `undefined`: the node runs without Redis. */
  readonly redisPort?: number | undefined
  readonly prefix?: string
  /** `introspection` overrides the introspection of the issuer, `main` the issuer, `ordersEntry` the service orders. */
  readonly introspection?: Readonly<Record<string, unknown>>
  readonly main?: Readonly<Record<string, unknown>>
  readonly ordersEntry?: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Options to start a node or a worker for tests with opaque tokens. */
export function opaqueGate(parts: OpaqueGateParts): NodeOptions {
  const { issuer, orders, redisPort, prefix = 'gh:', introspection, main, ordersEntry, settings } = parts
  return {
    policy: testPolicy({
      issuer,
      orders,
      main: {
        tokens: 'opaque',
        introspection: {
          client_id: 'gatehouse',
          client_secret: { env: 'TEST_INTROSPECTION_SECRET' },
          // The timeout is longer than its default of 2 s, so that a busy machine does not make an issuer unreachable.
          timeout: '10s',
          ...introspection,
        },
        ...main,
      },
      ...(ordersEntry && { ordersEntry }),
    }),
    settings: {
      keys: {
        assertion: [{ id: 'test-1', secret: { file: 'assertion.jwk' } }],
        encryption: [{ id: 'seal-1', secret: { env: 'TEST_ENCRYPTION_KEY' } }],
      },
      ...(redisPort !== undefined && { redis: { url: `redis://127.0.0.1:${redisPort}`, prefix } }),
      ...settings,
    },
    env: opaqueSecrets,
  }
}
