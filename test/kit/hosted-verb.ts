import { Readable } from 'node:stream'
import { run } from '../../gateway/cli/cli.ts'
import type { VerbOrder, VerbRun } from './host-order.ts'

/** Thrown by `process.exit` while a verb runs in a host, because the process of the host continues. */
class VerbEnd extends Error {}

/**
 * Runs `gatehouse <words>` in this process. @returns exit code and output. Throws an error with which a process of the
 * verb would crash.
 */
export async function runHostedVerb({ words, input }: VerbOrder): Promise<VerbRun> {
  const output = { stdout: '', stderr: '' }
  const into = (name: keyof typeof output) => (text: string | Uint8Array) => {
    output[name] += typeof text === 'string' ? text : Buffer.from(text).toString()
    return true
  }
  let exitCode: number | undefined
  const exit = (code?: number): never => {
    exitCode ??= code
    throw new VerbEnd()
  }
  const restore = [
    replace(process, 'exit', exit),
    replace(process, 'stdin', Readable.from([Buffer.from(input)])),
    replace(process.stdout, 'write', into('stdout')),
    replace(process.stderr, 'write', into('stderr')),
  ]
  process.exitCode = undefined
  try {
    await run([process.execPath, 'gatehouse', ...words])
  } catch (error) {
    if (!(error instanceof VerbEnd)) throw error
  } finally {
    for (const each of restore) each()
  }
  exitCode ??= Number(process.exitCode ?? 0)
  process.exitCode = undefined
  return { ...output, exitCode }
}

/** Replaces a property until the returned function is called. */
function replace(owner: object, name: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(owner, name)
  Object.defineProperty(owner, name, { value, configurable: true, writable: true })
  return () => (own === undefined ? Reflect.deleteProperty(owner, name) : Object.defineProperty(owner, name, own))
}
