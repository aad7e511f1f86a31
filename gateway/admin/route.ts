import type { FastifySchema } from 'fastify'
import { z } from 'zod'
import type { Operation } from './operation.ts'

/**
 * Returns the request schemas of an operation for the option `schema` of a fastify route. Without a query schema, the
 * operation rejects every query parameter.
 */
export function requestSchema({ query = nothing, pathParameters, body }: Operation): FastifySchema {
  return {
    querystring: query,
    ...(pathParameters && { params: pathParameters }),
    ...(body && { body }),
  }
}

/** Path of an admin operation in the notation of fastify's router: `{name}` becomes `:name`. */
export function routePath({ path }: Operation): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

const nothing = z.strictObject({})
