import { z } from 'zod'
import { percent } from './percent.ts'
import { duration } from './text-schemas.ts'

/** Schema of the settings `overload`: when a node sheds requests. */
export const overloadSettings = z
  .strictObject({
    mode: z
      .enum(['shed', 'observe', 'off'])
      .prefault('observe')
      .describe(
        'shed: an overloaded node replies 503 to a part of the requests. observe (default): it only counts the requests ' +
          'that it would shed, in gatehouse_overload_shed_total. off: it does neither.',
      )
      .meta({ reload: 'live' }),
    delay: duration({ min: '1ms', max: '10s' })
      .prefault('10ms')
      .describe(
        'Delay of the event loop above which the node is overloaded: the median of each of five consecutive intervals of ' +
          '100 ms. Every exchange waits this long at least twice. Default 10ms, 1ms to 10s.',
      )
      .meta({ reload: 'live' }),
    in_flight: z
      .int()
      .min(1)
      .max(1_000_000)
      .prefault(16_384)
      .describe(
        'Maximum number of exchanges in flight on the node, without event streams and WebSockets. Unknown callers are ' +
          'shed from 70 % of it, users from 90 %. Default 16384, 1 to 1000000. An exchange without a body takes about 12 KiB ' +
          'of memory and two file descriptors.',
      )
      .meta({ reload: 'live' }),
    memory: percent({ min: 10, max: 100 })
      .prefault('90%')
      .describe(
        'Used memory above which the node is overloaded: process memory as a part of the memory of the container or the ' +
          'machine, or JavaScript heap after a garbage collection as a part of its limit. Default 90%, 10% to 100%.',
      )
      .meta({ reload: 'live' }),
    refusal_delay: duration({ min: '0s', max: '10s' })
      .prefault('1s')
      .describe(
        'Mean time after which a request is refused that is shed because of `delay`, once more than 50 are shed in 100 ms. Until ' +
          'then its client sends nothing else on the connection: a flood costs less CPU time. At most a quarter of ' +
          '`in_flight` refusals wait. 0s refuses at once. Default 1s, 0s to 10s.',
      )
      .meta({ reload: 'live' }),
  })
  .transform(({ mode, delay, in_flight, memory, refusal_delay }) => ({
    mode,
    delayMs: delay,
    inFlight: in_flight,
    memory,
    refusalDelayMs: refusal_delay,
  }))
  .prefault({})
  .describe(
    'Protection of an overloaded node. It replies 503 with `Retry-After`, to unknown callers first and to users last, and ' +
      'within each kind to the lowest `priority` of the route first. docs/guide/overload.md explains it.',
  )
