import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// A file that a commit adds by mistake, for example a note, is most often in one of these two folders.
const root = join(import.meta.dirname, '../../..')
const ofProject =
  '.ci .dependency-cruiser.cjs .dockerignore .editorconfig .gitignore .npmrc CHANGELOG.md CONTRIBUTING.md Dockerfile ' +
  'LICENSE README.md SECURITY.md bench bin biome.json deploy docker-compose.yml docs gateway package-lock.json ' +
  'package.json test tsconfig.json vitest.config.ts workers'
const ofTests = 'browser chaos cluster docs-site integration kit monitoring protos regression run.ts unit'

/** Names of the files and folders at `depth` below the root, as Git has them. */
const namesAt = (depth: number, folder: string) => {
  const files = execFileSync('git', ['ls-files', folder], { cwd: root, encoding: 'utf8' }).trimEnd().split('\n')
  return [...new Set(files.map((file) => file.split('/')[depth]))].sort()
}

test('the top folder contains only the listed files and folders', () => {
  expect(namesAt(0, '.')).toEqual(ofProject.split(' ').sort())
})

test('the folder test contains only the listed files and folders', () => {
  expect(namesAt(1, 'test')).toEqual(ofTests.split(' ').sort())
})
