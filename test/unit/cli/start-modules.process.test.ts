import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

// Each module that a command loads makes its start slower, so a command loads a library only when it needs it.

const gatehouse = fileURLToPath(new URL('../../../gateway/cli/gatehouse.mjs', import.meta.url))
/** Prints the loaded modules as a JSON list when the process exits: packages and modules of Node itself. */
const listModules = `data:text/javascript,${encodeURIComponent(`
  import module from 'node:module'
  const loaded = []
  module.registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
  process.on('exit', () => process.stderr.write(JSON.stringify([...loaded, ...process.moduleLoadList])))
`)}`

function modulesOf(...words: string[]): string[] {
  const { stderr } = spawnSync(process.execPath, ['--import', listModules, gatehouse, ...words], { encoding: 'utf8' })
  return JSON.parse(stderr)
}

test('`gatehouse serve` starts without loading the queue library and the undici of Node', () => {
  const modules = modulesOf('serve', '--help')

  expect(modules.some((name) => name.includes('/gateway/node.ts'))).toBe(true)
  expect(modules.filter((name) => /node_modules\/bullmq|deps\/undici/.test(name))).toEqual([])
})

test.each([
  { verb: 'health', libraries: /node_modules\/(fastify|bullmq|ioredis|uWebSockets[.]js|undici)\/|deps\/undici/ },
  { verb: 'explain', libraries: /node_modules\/(fastify|bullmq|ioredis|uWebSockets[.]js)\/|deps\/undici/ },
])('`gatehouse $verb` starts without loading the libraries that only nodes and workers use', ({ verb, libraries }) => {
  const modules = modulesOf(verb, '--help')

  expect(modules.some((name) => name.includes(`/verbs/${verb}.ts`))).toBe(true)
  expect(modules.filter((name) => libraries.test(name))).toEqual([])
})

test.each([['--version'], ['--help'], ['help']])('`gatehouse %s` starts without loading a verb', (word) => {
  // The first call stores the list of verbs.
  modulesOf(word)

  expect(modulesOf(word).filter((name) => name.includes('/cli/verbs/'))).toEqual([])
})
