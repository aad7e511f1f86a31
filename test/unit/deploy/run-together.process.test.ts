import { execFile } from 'node:child_process'
import { expect, test } from 'vitest'

const module = new URL('../../../deploy/run-together.mjs', import.meta.url)

/** Runs these scripts with `runTogether` in a separate process. @returns exit code and output */
function runAll(...scripts: string[]): Promise<{ code: number; output: string }> {
  const commands = scripts.map((script) => ['-e', script])
  const text = `
    const { runTogether } = await import(${JSON.stringify(module.href)})
    process.exitCode = await runTogether(process.execPath, ${JSON.stringify(commands)}, {})`
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '-e', text], (error, output) => {
      resolve({ code: Number(error?.code ?? 0), output })
    })
  })
}

test('runTogether prints the output of each command in the order of the list, and returns 0', async () => {
  const slow = 'process.stdout.write("1"); setTimeout(() => console.log("2"), 200)'
  expect(await runAll(slow, 'console.error("3")')).toEqual({ code: 0, output: '12\n3\n' })
})

test('runTogether returns the exit code of the first failed command, and prints the failures last', async () => {
  const failing = (code: number) => `console.log("fails with ${code}"); process.exit(${code})`
  expect(await runAll(failing(3), 'console.log("passes")', failing(4))).toEqual({
    code: 3,
    output: 'passes\nfails with 3\nfails with 4\n',
  })
})

test('runTogether returns 128 + N if signal N ended a command', async () => {
  expect((await runAll('process.kill(process.pid, "SIGKILL")')).code).toBe(137)
})
