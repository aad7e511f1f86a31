import { z } from 'zod'
import { nodeHttp } from '../../base/node-http.ts'
import { DEFAULT_ADMIN, findNodeHint } from '../admin-client.ts'
import { CliError, exitCodes, type Output } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

const { get } = nodeHttp

const TIMEOUT_MS = 3000

/**
 * All reply texts of the probes of a node or worker. Any other text shows that the server at the URL is no node or
 * worker.
 */
const answers: ReadonlySet<string> = new Set(['alive', 'ready', 'not ready', 'misdirected request'])

/** `gatehouse health`: calls a node's probe, for container images without an HTTP client. */
export const verb = defineVerb({
  description: 'Check whether a node is alive or ready',
  flags: {
    ready: z
      .boolean()
      .default(false)
      .register(flag, { help: 'check whether the node accepts traffic, not only whether it is alive' }),
    admin: z
      .string()
      .optional()
      .register(flag, {
        value: 'url',
        help: `admin listener of the node (default: GATEHOUSE_ADMIN_URL, then ${DEFAULT_ADMIN})`,
      }),
  },
  examples: [
    { run: 'gatehouse health', does: 'check whether the local node is alive' },
    { run: 'gatehouse health --ready --admin http://127.0.0.1:9091', does: 'check whether that node accepts traffic' },
  ],
  exitCodes: {
    [exitCodes.done]: 'alive, or ready',
    [exitCodes.invalid]: 'the node is not alive, or not ready',
    [exitCodes.unreachable]: 'no reply',
  },
  run: ({ ready, admin }, output) => {
    const base = admin ?? process.env['GATEHOUSE_ADMIN_URL'] ?? DEFAULT_ADMIN
    return probe(base, ready ? '/readyz' : '/livez', output)
  },
})

async function probe(base: string, path: string, output: Output): Promise<number> {
  if (!URL.canParse(base) || new URL(base).protocol !== 'http:') {
    const hint = `write it with its scheme, such as ${DEFAULT_ADMIN}`
    throw new CliError(exitCodes.usage, 'GH_USAGE', `the admin URL ${base} must be an http URL`, hint)
  }
  const { status, text } = await fetchProbe(new URL(path, base))
  if (!answers.has(text)) {
    throw new CliError(
      exitCodes.unreachable,
      'GH_ADMIN_UNREACHABLE',
      `the reply of ${new URL(base).origin} with status ${status} does not come from a node`,
      'check that --admin or GATEHOUSE_ADMIN_URL is the admin or probe listener of a node',
    )
  }
  output.line(text)
  output.document({ healthy: status === 200, status, answer: text })
  return status === 200 ? exitCodes.done : exitCodes.invalid
}

function fetchProbe(url: URL): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const unreachable = (cause: Error): void =>
      reject(
        new CliError(
          exitCodes.unreachable,
          'GH_ADMIN_UNREACHABLE',
          `no reply from ${url.origin}: ${cause.message}`,
          findNodeHint,
        ),
      )
    const request = get(url, { timeout: TIMEOUT_MS, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        if (text.length < 1000) text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: text.trim() }))
      response.on('error', unreachable)
    })
    request.on('timeout', () => request.destroy(new Error(`no reply within ${TIMEOUT_MS / 1000} s`)))
    request.on('error', unreachable)
  })
}
