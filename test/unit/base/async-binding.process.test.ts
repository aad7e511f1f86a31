import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const modules = new URL('../../../gateway/', import.meta.url)

test('after lightenAsyncBinding(), a function bound by an AsyncResource runs in the same async scope with the same receiver, arguments and result, and has no accessor properties', () => {
  const program = `
    import { AsyncResource, executionAsyncId } from 'node:async_hooks'
    import { lightenAsyncBinding } from '${modules}base/async-binding.ts'
    lightenAsyncBinding()
    const resource = new AsyncResource('test')
    const run = function (a, b) { return [this, a, b, executionAsyncId() === resource.asyncId()] }
    const accessors = Object.values(Object.getOwnPropertyDescriptors(resource.bind(run))).filter((each) => 'get' in each)
    process.stdout.write(JSON.stringify([
      resource.bind(run, 'receiver')(1, 2), resource.bind(run).call('caller', 1, 2), accessors.length,
    ]))`
  const out = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })

  expect(JSON.parse(out)).toEqual([['receiver', 1, 2, true], ['caller', 1, 2, true], 0])
})
