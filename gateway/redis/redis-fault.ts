import { GatewayFault } from '../base/fault.ts'

/**
 * Why a Redis call failed: the first word of the error reply, or one of three codes of the gateway. `TIMEOUT`: no reply
 * before the deadline; the command may have run. `DISCONNECTED`: no connection, or the connection broke before the
 * reply; in the second case the command may have run. `BREAKER`: the circuit breaker is open and the command was not
 * sent.
 */
export type RedisCode = 'TIMEOUT' | 'DISCONNECTED' | 'BREAKER' | (string & {})

/** Failure of a Redis call: no reply, or an error reply. */
export class RedisFault extends GatewayFault {
  readonly redisCode: RedisCode

  constructor(redisCode: RedisCode, message: string) {
    super('store-unavailable', 'store', `redis: ${message}`)
    this.redisCode = redisCode
  }
}

/** Maximum length of a server's error message in a fault, characters. Longer messages are truncated. */
const MESSAGE_MAX = 200

/**
 * Texts for error replies of Redis that do not say how to fix the error. Sentinels have separate credentials in the
 * settings.
 */
const remedies: Readonly<Record<string, string>> = {
  NOAUTH: 'Redis requires a password: set redis.password, or redis.sentinel.password',
  WRONGPASS:
    'Redis rejects this user and password: check redis.username and redis.password, or those of redis.sentinel',
}

/**
 * Converts an error of the driver to a `RedisFault`. Drops the original error, because it carries the arguments of the
 * call, which may be secret.
 */
export function redisFault(error: unknown): RedisFault {
  if (error instanceof RedisFault) return error
  const { message, name } = error as Error
  if (message === 'Command timed out') return new RedisFault('TIMEOUT', 'no reply in time')
  if (message.startsWith('Reached the max retries'))
    return new RedisFault('DISCONNECTED', 'connection lost before the reply')
  if (message.startsWith("Stream isn't writeable")) return new RedisFault('DISCONNECTED', 'no connection')
  // Read the code at the end of the message: the cluster driver puts the error of the last server at the end of the
  // whole message.
  const last = (/Last error: (.*)$/s.exec(message)?.[1] ?? message).replace(/^(?:Reply)?Error: /, '')
  const code = /^([A-Z][A-Z]+)(?: |$)/.exec(last)?.[1]
  const remedy = code === undefined ? undefined : remedies[code]
  if (remedy !== undefined) return new RedisFault(code!, `${code} ${remedy}`)
  if (last.startsWith('ERR No such master'))
    return new RedisFault('ERR', 'the sentinels know no master of this name: check redis.sentinel.master')
  if (last.startsWith('Unknown RESP type'))
    return new RedisFault('DISCONNECTED', 'the server at this address is not Redis')
  if (name === 'ReplyError' && code !== undefined) return new RedisFault(code, last.slice(0, MESSAGE_MAX))
  if (code !== undefined && /^(CLUSTERDOWN|MOVED|ASK|TRYAGAIN|READONLY|LOADING|NOREPLICAS)$/.test(code)) {
    return new RedisFault(code, last.slice(0, MESSAGE_MAX))
  }
  return new RedisFault('DISCONNECTED', last.slice(0, MESSAGE_MAX))
}
