import { z } from 'zod'
import { parsedText } from '../../config/text-schemas.ts'
import { readOrigin } from '../../config/web-url.ts'

const origin = parsedText('an http or https origin such as http://orders-1:8080', readOrigin)

const weighted = z.strictObject({
  url: origin.describe('Origin of the upstream, without a path. Link-local addresses are rejected.'),
  weight: z
    .int()
    .min(1)
    .max(100)
    .prefault(1)
    .describe('Share of the calls, relative to the weights of the other upstreams. Default 1, 1 to 100.'),
})

type Weighted = z.output<typeof weighted>

/** Schema of an entry of `upstreams` of a service: an origin, or a mapping with its weight. */
export const upstreamEntry = z
  .union([origin, weighted])
  .transform((entry): Weighted => (entry instanceof URL ? { url: entry, weight: 1 } : entry))

/** Schema of `upstreams` of a service: the addresses of the service. */
export const upstreamEntries = z.array(upstreamEntry).min(1)

export type UpstreamEntry = z.output<typeof upstreamEntry>

/** Returns an entry of `upstreams` as a policy states it. */
export function printUpstream({ url, weight }: UpstreamEntry): unknown {
  return weight === 1 ? url.origin : { url: url.origin, weight }
}

/** Returns the weights of the upstreams of a service; `undefined` when all upstreams have the same weight. */
export function weightsOf({ upstreams }: { readonly upstreams: readonly UpstreamEntry[] }): number[] | undefined {
  const weights = upstreams.map(({ weight }) => weight)
  return weights.every((weight) => weight === weights[0]) ? undefined : weights
}
