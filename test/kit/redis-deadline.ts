import '../../gateway/config/interpret-schemas.ts'
import { redisDeadlineMs } from '../../gateway/redis/redis-link.ts'
import { flushCompiled } from './flush-compiled.ts'

// This module is preloaded into nodes and workers of the tests. It sets the deadline of the Redis calls for which an
// HTTP request waits. The deadline is the query parameter `ms` of the module's URL.

Object.assign(redisDeadlineMs, { store: Number(new URL(import.meta.url).searchParams.get('ms')) })
void flushCompiled()
