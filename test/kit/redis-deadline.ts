import { redisDeadlineMs } from '../../gateway/redis/redis-link.ts'

// Preloaded into nodes and workers of the tests. Sets the deadline of calls that an HTTP request waits for to `ms` of
// the query of this module's URL.

Object.assign(redisDeadlineMs, { store: Number(new URL(import.meta.url).searchParams.get('ms')) })
