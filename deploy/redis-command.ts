import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/**
 * Sends one command to a Redis on a separate connection. Uses RESP instead of an inline command, because a password in an
 * inline command cannot contain spaces.
 *
 * @param url  `redis://[user:password@]host[:port][/database]`, `rediss://…`, or `unix:///path/of.sock`
 * @param command  name and arguments of a command whose reply is one line
 * @returns the reply in RESP, such as `+OK`
 * @throws {Error} when Redis does not reply within `timeoutMs`, or replies with an error; the message never contains the
 * password
 */
export async function commandRedis(url: string, command: readonly string[], timeoutMs = 1000): Promise<string> {
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  const isSocketFile = protocol === 'unix:'
  const place = isSocketFile ? pathname : `${hostname}:${port || 6379}`
  const credentials = [username, password].map(decodeURIComponent).filter((part) => part !== '')
  const database = isSocketFile ? '' : pathname.slice(1)
  const commands = [
    ...(password === '' ? [] : [['AUTH', ...credentials]]),
    ...(database === '' ? [] : [['SELECT', database]]),
    command,
  ]
  const socket = isSocketFile ? connect(pathname) : open(protocol, hostname, Number(port || 6379))
  try {
    return await new Promise<string>((resolve, reject) => {
      let replies = ''
      socket.setTimeout(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)))
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('the connection was closed')))
      socket.setEncoding('latin1').on('data', (chunk) => {
        replies += chunk
        const error = /^-(.*)\r\n/m.exec(replies)
        const lines = replies.split('\r\n').slice(0, -1)
        if (error !== null) reject(new Error(error[1]))
        else if (lines.length === commands.length) resolve(lines.at(-1)!)
      })
      socket.write(commands.map(encode).join(''))
    })
  } catch (cause) {
    throw new Error(`Redis at ${place}: ${(cause as Error).message}`, { cause })
  } finally {
    socket.on('error', () => {}).destroy()
  }
}

function open(protocol: string, host: string, port: number): Socket {
  if (protocol === 'rediss:') return connectTls({ host, port, servername: host })
  if (protocol === 'redis:') return connect({ host, port })
  throw new Error(`a Redis URL starts with redis:// or rediss://, not ${protocol}//`)
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}
