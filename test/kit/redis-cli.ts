import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { findRedis } from '../../deploy/redis.mjs'

const run = promisify(execFile)

/** Asks a server on this machine as its own command-line client does. */
export async function redisCli(port: number, ...words: string[]): Promise<string> {
  const { command, env } = findRedis()
  const name = command.includes('valkey') ? 'valkey-cli' : 'redis-cli'
  const options = { env: { ...process.env, ...env }, timeout: 60_000 }
  const { stdout } = await run(join(dirname(command), name), ['-p', `${port}`, ...words], options)
  return stdout.trim()
}

/** Waits until the server answers so that `wanted` is true. */
export async function untilAnswered(
  port: number,
  words: readonly string[],
  wanted: (answer: string) => boolean,
  limitMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const answer = await redisCli(port, ...words).catch((error: Error) => error.message)
    if (wanted(answer)) return
    if (performance.now() > deadline) throw new Error(`${words.join(' ')} at ${port} still answers ${answer}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
