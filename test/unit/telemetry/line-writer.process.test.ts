import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

// Writing the log never blocks traffic, and lost log lines are counted.

const module = join(import.meta.dirname, '../../../gateway/telemetry/line-writer.ts')

/** Starts a process that runs `code` with `LineWriter` imported and a pipe as standard output. */
function withWriter(code: string) {
  const program = `import { LineWriter } from ${JSON.stringify(module)}\n${code}`
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
}

test('the log writer writes 50,000 lines completely and in order', async () => {
  const child = withWriter(`
    const writer = new LineWriter(1)
    for (let i = 0; i < 50_000; i++) writer.line('line ' + i)
    await writer.end()`)

  const lines = (await text(child.stdout!)).trimEnd().split('\n')

  expect(lines).toHaveLength(50_000)
  expect(lines.every((line, i) => line === `line ${i}`)).toBe(true)
})

test('while nobody reads its pipe, the log writer drops lines above its limit and later writes how many lines were dropped', async () => {
  const child = withWriter(`
    const writer = new LineWriter(1, 1000)
    const big = 'x'.repeat(200_000)
    writer.line(big)
    for (let i = 0; i < 100; i++) writer.line('y'.repeat(100))
    process.send('written')
    process.once('message', () => {
      process.disconnect()
      setTimeout(() => writer.line('after'), 600)
      setTimeout(async () => { await writer.end() }, 900)
    })`)
  await once(child, 'message')

  const reading = text(child.stdout!)
  child.send('read')
  const output = await reading

  const lost = Number(/"msg":"log lines lost","count":(\d+)/.exec(output)?.[1])
  const kept = output.split('\n').filter((line) => line.startsWith('y')).length
  expect(lost).toBeGreaterThan(0)
  expect(lost + kept).toBe(100)
})

test('a process continues to run after the reader of its log has closed the pipe', async () => {
  const child = withWriter(`
    const writer = new LineWriter(1)
    const timer = setInterval(() => writer.line('x'.repeat(100_000)), 5)
    setTimeout(async () => { clearInterval(timer); await writer.end(); process.exit(7) }, 400)`)
  child.stdout!.destroy()

  expect((await once(child, 'exit'))[0]).toBe(7)
})

test('flushSync delivers the last log lines to a slow reader before the process exits', async () => {
  const child = withWriter(`
    const writer = new LineWriter(1)
    writer.line('x'.repeat(150_000))
    writer.line('why')
    writer.flushSync()
    process.exit(1)`)
  await sleep(100)

  expect(await text(child.stdout!)).toContain('why')
})

test('the log writer reports a full disk once on stderr, and the process continues to run', async () => {
  const program = `import { LineWriter } from ${JSON.stringify(module)}
    import { openSync } from 'node:fs'
    const writer = new LineWriter(openSync('/dev/full', 'w'))
    const timer = setInterval(() => writer.line('x'.repeat(70_000)), 20)
    setTimeout(async () => { clearInterval(timer); await writer.end(); process.exit(7) }, 300)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'ignore', 'pipe'] })

  const [said, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')])

  expect(said.match(/the log cannot be written \(ENOSPC\)/g)).toHaveLength(1)
  expect(code).toBe(7)
})
