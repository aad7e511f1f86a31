import httpProxy from '@fastify/http-proxy'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { Redis } from 'ioredis'

/**
 * A gateway built from Fastify and its plugins as its documentation shows: verifies an ES256 access token, checks
 * scope and role, limits by subject in Redis, and forwards. Environment variables:
 *
 *   PORT, UPSTREAM (port), REDIS (URL), ISSUER, AUDIENCE, PUBLIC_KEY (PEM)
 *   CACHE   number of verified tokens in the cache; 0: every token is verified
 *
 * The gateway writes no access log, which is an advantage in this comparison.
 */

interface Claims {
  readonly sub: string
  readonly scope: string
  readonly realm_access: { readonly roles: readonly string[] }
}

const { PORT, UPSTREAM, REDIS, ISSUER, AUDIENCE, PUBLIC_KEY, CACHE } = process.env
const server = fastify({ logger: false })

await server.register(jwt, {
  // The plugin @fastify/jwt requires a private key, although this gateway signs nothing.
  secret: { public: PUBLIC_KEY!, private: '' },
  verify: {
    algorithms: ['ES256'],
    allowedIss: ISSUER!,
    allowedAud: AUDIENCE!,
    // The cache key is the whole token: this is safe, and cheaper than the usual hash of the token.
    ...(CACHE === '0' ? {} : { cache: Number(CACHE), cacheKeyBuilder: (token: string | Buffer) => String(token) }),
  },
})

await server.register(rateLimit, {
  max: 1_000_000_000,
  timeWindow: '10s',
  hook: 'preHandler',
  redis: new Redis(REDIS!, { connectTimeout: 500, maxRetriesPerRequest: 1, enableAutoPipelining: true }),
  keyGenerator: (request: FastifyRequest) => (request.user as Claims).sub,
})

await server.register(httpProxy, {
  upstream: `http://127.0.0.1:${UPSTREAM}`,
  prefix: '/orders',
  rewritePrefix: '/orders',
  undici: { connections: 128, pipelining: 1 },
  async preValidation(request: FastifyRequest, reply: FastifyReply) {
    try {
      await request.jwtVerify()
    } catch {
      return reply.code(401).send()
    }
    const { scope, realm_access: access } = request.user as Claims
    if (scope.split(' ').includes('orders:read') && access.roles.includes('order-manager')) return
    return reply.code(403).send()
  },
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => {
      const { authorization: _, ...others } = headers
      return { ...others, 'x-subject': ((request as FastifyRequest).user as Claims).sub }
    },
  },
})

await server.listen({ port: Number(PORT), host: '127.0.0.1', backlog: 4096 })
