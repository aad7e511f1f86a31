import { spawnSync } from 'node:child_process'
import { programPath } from '../../kit/programs.ts'

export interface Run {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the `gatehouse` command in a separate process. */
export function runGatehouse(args: readonly string[], input = ''): Run {
  const options = { input, encoding: 'utf8', env: {}, timeout: 100_000 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [programPath('gatehouse'), ...args], options)
  return { status, stdout, stderr }
}

const many = `
  import { text } from 'node:stream/consumers'
  import { run } from ${JSON.stringify(new URL('../../../gateway/cli/cli.ts', import.meta.url).href)}
  const runs = []
  const stdout = process.stdout.write
  for (const args of JSON.parse(await text(process.stdin))) {
    const said = { status: null, stdout: '', stderr: '' }
    process.exitCode = 0
    process.argv = [process.argv[0], 'gatehouse', ...args]
    process.stdout.write = (written) => Boolean((said.stdout += written))
    process.stderr.write = (written) => Boolean((said.stderr += written))
    process.exit = (code) => { throw { code } }
    const status = await run(process.argv).then(() => process.exitCode, ({ code }) => code)
    runs.push({ ...said, status })
  }
  Object.assign(process.stdout, { write: stdout })
  process.exitCode = 0
  process.stdout.write(JSON.stringify(runs))
`

/**
 * Runs several `gatehouse` command lines one after the other in one process, because most of the time of a command is
 * the start of its process.
 *
 * @param env  environment variables of the process
 */
export function runEach(commandLines: readonly (readonly string[])[], env: Record<string, string> = {}): Run[] {
  const options = { input: JSON.stringify(commandLines), encoding: 'utf8', env, timeout: 100_000 } as const
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', many], options)
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}
