import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { listVerbs } from '../../../gateway/cli/verb-list.ts'
import { atEnd } from '../../kit/cleanup.ts'

const sources = mkdtempSync(join(tmpdir(), 'gatehouse-verbs-'))
atEnd(() => rmSync(sources, { recursive: true, force: true }))
const source = join(sources, 'verb.ts')
let loads = 0

async function help(description: string): Promise<string> {
  const program = new Command('gatehouse')
  const load = async () => {
    loads++
    const verb = new Command('look').description(description).argument('<path...>').option('--print')
    return new Command('gatehouse').addCommand(verb)
  }
  await listVerbs(program, load, { sources, file: join(sources, 'cache', 'list.json') })
  return program.helpInformation()
}

test('the stored list of verbs is used until a source file changes, also if its size and time stay the same', async () => {
  writeFileSync(source, 'one')
  const first = await help('One.')
  expect(first).toMatch(/look \[options\] <path\.\.\.> +One\./)
  expect(await help('Two.')).toBe(first)
  expect(loads).toBe(1)

  const { atime, mtime } = statSync(source)
  writeFileSync(source, 'two')
  utimesSync(source, atime, mtime)

  expect(await help('Two.')).toContain('Two.')
  expect(loads).toBe(2)
})
