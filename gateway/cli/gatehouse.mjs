#!/usr/bin/env node
// Entry point of the command line. It is plain JavaScript, because the Node that runs it may be too old for the
// TypeScript sources. In that case it starts the Node 24 that `npm ci` has installed.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { keepCompiled } from './compile-cache.mjs'

const NEEDED = 24

keepCompiled()
if (Number(process.versions.node.split('.', 1)[0]) >= NEEDED) {
  // With an IPC channel, another process started this one: the branch below, or a supervisor. When that process is
  // killed, nothing forwards signals any more, so stop as after SIGTERM.
  if (process.connected) {
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
    process.channel.unref()
  }
  const { run } = await import('./cli.ts')
  await run(process.argv)
} else {
  const node = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url))
  if (!existsSync(node)) {
    console.error(
      `gatehouse needs Node ${NEEDED}, but runs on ${process.version}. Run \`npm ci\` in the checkout to install it.`,
    )
    process.exit(1)
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // Do not pass on a SIGINT by Ctrl-C: the terminal has already sent it to the child too. A second signal would end
      // the graceful stop.
      if (signal !== 'SIGINT' || !atTerminal) child.kill(signal)
    })
  }
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}
