import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { watchNpm } from './run-child.mjs'

/**
 * Runs commands at the same time. Prints the output of each command as a whole, in the order of the list, and the
 * output of failed commands last.
 *
 * @param {string} program
 * @param {readonly (readonly string[])[]} commands  arguments of each command
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<number>} exit code of the first command in the list that failed; 0 when all succeeded
 */
export async function runTogether(program, commands, options) {
  const children = []
  const stop = (signal) => {
    for (const child of children) child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, stop)
  const timer = watchNpm(() => stop('SIGTERM'))
  try {
    const runs = await Promise.all(
      commands.map((words) => {
        const child = spawn(program, words, { ...options, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] })
        children.push(child)
        return resultOf(child)
      }),
    )
    const failed = runs.filter(({ code }) => code !== 0)
    for (const { output } of [...runs.filter(({ code }) => code === 0), ...failed]) process.stdout.write(output)
    return failed[0]?.code ?? 0
  } finally {
    clearInterval(timer)
    for (const signal of signals) process.off(signal, stop)
  }
}

/** A command that writes to a pipe uses colours only if `FORCE_COLOR` is set. */
function environment() {
  return process.stdout.isTTY ? { FORCE_COLOR: '1', ...process.env } : process.env
}

async function resultOf(child) {
  const output = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => output.push(bytes))
  const [code, signal] = await once(child, 'close')
  return { code: code ?? 128 + constants.signals[signal], output: Buffer.concat(output) }
}
