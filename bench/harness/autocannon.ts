import autocannon, { type Options, type Request, type Result } from 'autocannon'
import type { Drive } from './drive.ts'
import type { LoadRequest } from './request-mix.ts'

/** Interval at which autocannon checks whether the run has ended, ms. */
const LOOK_MS = 100

/**
 * Load generator autocannon, run in the bench process. autocannon uses more CPU time per request than most targets.
 * Each second autocannon sends the share of each connection in one burst and waits for the replies. Its results
 * therefore measure CPU cost only; `arrivals.ts` measures latency.
 *
 * Use 64 connections: with 256 connections nginx takes 29 to 35 instead of 17 to 19 µs per request, and the gate 50
 * instead of 46 µs. More connections would therefore make the gate's ratio to nginx look better by a third.
 */
export const byAutocannon: Drive = async (targets, { tls, connections, requests: list, seconds, status }) => {
  const startedMs = performance.now()
  let lastMs = startedMs
  let dealt = 0
  const result = await run(
    {
      // autocannon distributes a list of URLs over the connections, but its types do not allow a list.
      url: targets.map(({ port }) => `${tls ? 'https' : 'http'}://127.0.0.1:${port}/`) as never,
      connections,
      sampleInt: LOOK_MS,
      ...(seconds === undefined ? { amount: list.length } : { duration: seconds }),
      // autocannon builds all requests of a connection in advance. Building all requests for each connection would take
      // longer than the run, so each connection gets a share of them.
      setupClient: (client) => {
        const own = dealt++ % Math.min(connections, list.length)
        client.setRequests(list.filter((_, i) => i % connections === own).map(asRequest))
      },
    },
    () => {
      lastMs = performance.now()
    },
  )
  const replies = Object.entries(result.statusCodeStats ?? {})
  const requests = replies.find(([code]) => Number(code) === status)?.[1].count ?? 0
  const statuses = replies.map(([code, { count }]) => `${count} × ${code}`).join(', ')
  const good = replies.length === 1 && requests > 0 && result.errors === 0
  return {
    requests,
    seconds: (lastMs - startedMs) / 1000,
    ...(good ? {} : { wrong: `replies: ${statuses || 'none'}; ${result.errors} failed` }),
  }
}

function asRequest({ method, path, fields, body }: LoadRequest): Request {
  if (body === undefined) return { method, path, headers: fields }
  return { method, path, headers: { ...fields, 'content-type': 'application/json' }, body }
}

function run(options: Options, replied: () => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    const instance = autocannon(options, (error, result) => {
      if (error === null || error === undefined) resolve(result)
      else reject(error as Error)
    })
    instance.on('response', replied)
  })
}
