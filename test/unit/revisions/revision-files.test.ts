import { expect, test } from 'vitest'
import { POLICY_MAX_BYTES, sourceOf } from '../../../gateway/revisions/revision.ts'

const policy =
  'version: 1\nservices:\n  a:\n    upstreams: [http://a.test]\n    routes: [{ id: a, match: { path: /a }, require: public }]\n'

test.each(['../policy.yaml', 'folder/policy.yaml', '/policy.yaml', '..', ''])(
  'a policy revision with the file name %j is refused, because a folder in the name would change the meaning of relative paths',
  (name) => {
    expect(() => sourceOf([{ name, text: policy }], '/srv')).toThrow('must not contain a folder')
  },
)

test('a policy revision whose files together exceed 1 MiB is refused', () => {
  const half = `${policy}#${' '.repeat(POLICY_MAX_BYTES / 2)}`
  const files = ['a.yaml', 'b.yaml'].map((name) => ({ name, text: half }))
  expect(() => sourceOf(files, '/srv')).toThrow('GH_CONFIG_TOO_LARGE')
})
