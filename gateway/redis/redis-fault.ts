import { GatewayFault } from '../base/fault.ts'

/**
 * Why Redis did not do as asked: the first word of its error reply, or one of ours. `TIMEOUT`: no reply in time, and
 * whether the command ran is unknown. `DISCONNECTED`: there is no connection, or it broke before the reply. `BREAKER`:
 * Redis has not replied for a while, and nothing was sent.
 */
export type RedisCode = 'TIMEOUT' | 'DISCONNECTED' | 'BREAKER' | (string & {})

/** A call that Redis did not answer, or refused. */
export class RedisFault extends GatewayFault {
  readonly redisCode: RedisCode

  constructor(redisCode: RedisCode, message: string) {
    super('store-unavailable', 'store', `redis: ${message}`)
    this.redisCode = redisCode
  }
}

/** How far an operator's log should follow what a server writes. */
const MESSAGE_MAX = 200

/** What the server says in many words that are about its protocol. Sentinels have settings of their own. */
const remedies: Readonly<Record<string, string>> = {
  NOAUTH: 'it wants a password: set redis.password, or redis.sentinel.password',
  WRONGPASS:
    'it does not take this user and password: see redis.username and redis.password, or those of redis.sentinel',
}

/**
 * A driver's error as ours. Its `cause` is left behind: that one carries the arguments of the call.
 */
export function redisFault(error: unknown): RedisFault {
  if (error instanceof RedisFault) return error
  const { message, name } = error as Error
  if (message === 'Command timed out') return new RedisFault('TIMEOUT', 'no reply in time')
  if (message.startsWith('Reached the max retries')) return new RedisFault('DISCONNECTED', 'the connection broke')
  if (message.startsWith("Stream isn't writeable")) return new RedisFault('DISCONNECTED', 'no connection')
  // Cluster: what the last server said is at the end.
  const last = (/Last error: (.*)$/s.exec(message)?.[1] ?? message).replace(/^(?:Reply)?Error: /, '')
  const code = /^([A-Z][A-Z]+)(?: |$)/.exec(last)?.[1]
  const remedy = code === undefined ? undefined : remedies[code]
  if (remedy !== undefined) return new RedisFault(code!, `${code} ${remedy}`)
  if (last.startsWith('Unknown RESP type')) return new RedisFault('DISCONNECTED', 'what answers there is no Redis')
  if (name === 'ReplyError' && code !== undefined) return new RedisFault(code, last.slice(0, MESSAGE_MAX))
  if (code !== undefined && /^(CLUSTERDOWN|MOVED|ASK|TRYAGAIN|READONLY|LOADING|NOREPLICAS)$/.test(code)) {
    return new RedisFault(code, last.slice(0, MESSAGE_MAX))
  }
  return new RedisFault('DISCONNECTED', last.slice(0, MESSAGE_MAX))
}
