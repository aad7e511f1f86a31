// runChild runs a program in a child process: it forwards signals to the child and returns its exit code.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

const program = new URL('../../../deploy/run-child.mjs', import.meta.url)

/** Runs `script` with runChild in a separate process without a terminal. */
function wrapped(script: string) {
  const text = `
    const { runChild } = await import(${JSON.stringify(program.href)})
    process.exitCode = await runChild(process.execPath, ['-e', ${JSON.stringify(script)}], {})`
  return spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] })
}

test.each([
  { script: 'process.exit(0)', code: 0 },
  { script: 'process.exit(3)', code: 3 },
  { script: 'process.kill(process.pid, "SIGKILL")', code: 137 },
])('runChild returns the exit code $code for the child $script', async ({ script, code }) => {
  expect(await once(wrapped(script), 'exit')).toEqual([code, null])
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'runChild forwards %s to the child, and ends after the child',
  async (signal) => {
    const script = `
    process.on('${signal}', () => { console.log('got it'); setTimeout(() => process.exit(7), 200) })
    setInterval(() => {}, 1000)
    console.log('up')`
    const child = wrapped(script)
    const ended = once(child, 'exit')
    let said = ''
    for await (const chunk of child.stdout) {
      said += chunk
      if (said === 'up\n') child.kill(signal)
    }

    expect(said).toBe('up\ngot it\n')
    expect(await ended).toEqual([7, null])
  },
)
