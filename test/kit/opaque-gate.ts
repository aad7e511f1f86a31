import { randomBytes } from 'node:crypto'
import type { NodeOptions } from './node.ts'
import { testPolicy } from './policy.ts'

export const introspectionSecret = 'a-secret:of the+gate'

/** Secrets that the settings and policy below refer to. */
export const opaqueSecrets = {
  TEST_ENCRYPTION_KEY: randomBytes(32).toString('base64url'),
  TEST_INTROSPECTION_SECRET: introspectionSecret,
}

interface OpaqueGateParts {
  readonly issuer: string
  readonly orders: string
  /** `undefined`: the node stands alone. */
  readonly redisPort?: number | undefined
  readonly prefix?: string
  /** Laid over `introspection`, the issuer, the service. */
  readonly introspection?: Readonly<Record<string, unknown>>
  readonly main?: Readonly<Record<string, unknown>>
  readonly ordersEntry?: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
}

/** What a node, or a worker, of the tests with opaque tokens is started with. */
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
          // Longer than the default of 2 s: a busy machine must not make an issuer seem unreachable.
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
