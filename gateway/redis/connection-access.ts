import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { Followed } from '../base/followed.ts'
import { isTlsAlert } from '../base/tls-alert.ts'
import type { RedisAccess, RedisCredentials } from './redis-access.ts'

/** Options of ioredis that contain credentials. */
interface CredentialOptions {
  username?: string
  password?: string
  tls?: ConnectionOptions
}

/** Error replies of Redis to a wrong user or password. */
const refusal = /^-(?:WRONGPASS|NOAUTH) /

/**
 * Makes one ioredis client use the current credentials for each connection that it opens, and detects when the server
 * refuses them. ioredis copies the options of a client for further clients, such as those of cluster nodes and of
 * BullMQ. The connector of each such client creates this object with the options of its client.
 */
export class ConnectionAccess {
  readonly #access: RedisAccess
  readonly #credentials: Followed<RedisCredentials>

  /**
   * @param options  options of the client. The members for credentials are replaced by getters of the current
   *   credentials
   */
  constructor(access: RedisAccess, credentials: Followed<RedisCredentials>, options: unknown) {
    this.#access = access
    this.#credentials = credentials
    const given = options as CredentialOptions
    const readers: Record<keyof CredentialOptions, () => unknown> = {
      username: () => credentials.presented.username,
      password: () => credentials.presented.password,
      tls: () => access.tls(access.certificate.presented),
    }
    for (const [name, get] of Object.entries(readers)) {
      // Setter that does nothing. It is needed because ioredis may assign the options of a client again.
      Object.defineProperty(given, name, { get, set() {}, enumerable: true, configurable: true })
    }
  }

  /**
   * Selects the credentials of a new connection. Must be called before a connection to Redis is opened; the returned
   * function must get the new connection.
   */
  begin(): (stream: Socket) => void {
    const credentials = this.#credentials.presented
    const certificate = this.#access.certificate.presented
    return (stream) => {
      // Examine the first data of a connection: it is the reply to AUTH or HELLO.
      stream.once('data', (data: Buffer) => {
        if (refusal.test(data.toString('latin1', 0, 16))) this.#credentials.refused(credentials)
      })
      stream.once('error', (error) => {
        if (isTlsAlert(error)) this.#access.certificate.refused(certificate)
      })
    }
  }
}
