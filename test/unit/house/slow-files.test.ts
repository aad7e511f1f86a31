import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { slowFiles } from '../../kit/slow-first.ts'

test('each file in the list of slow test files exists, and is listed once', () => {
  expect(slowFiles.filter((file) => !existsSync(file))).toEqual([])
  expect(slowFiles).toHaveLength(new Set(slowFiles).size)
})
