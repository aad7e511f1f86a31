import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { KeyRing } from '../../../gateway/base/key-ring.ts'
import { Envelopes } from '../../../gateway/revisions/envelope.ts'
import { keepCopy } from '../../../gateway/revisions/keep-copy.ts'
import { PolicyCopy } from '../../../gateway/revisions/policy-copy.ts'
import { hashOf, printActivation, printRevision } from '../../../gateway/revisions/revision.ts'
import { type FoundPolicy, openSealed } from '../../../gateway/revisions/sealed-policy.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-copy-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const envelopes = new Envelopes(new KeyRing([{ id: 'k1', secret: randomBytes(32) }]), 'gh:')

function policyOf(sequence: number): FoundPolicy {
  const files = [{ name: 'policy.yaml', text: `# ${sequence}` }]
  const facts = { number: sequence, hash: hashOf(files), author: 'a', time: '2026-01-01T00:00:00Z' }
  const sealed = {
    activation: envelopes.seal('activation', printActivation({ ...facts, sequence, why: 'apply' })),
    number: sequence,
    revision: envelopes.seal('revision', printRevision({ ...facts, message: '', files })),
  }
  return openSealed(envelopes, sealed)!
}

function copyAt(path: string) {
  const said: string[] = []
  const copy = new PolicyCopy(path)
  return { copy, said, envelopes, log: (_: string, message: string) => void said.push(message) }
}

test('the policy copy on disk is replaced by a newer activation, and not by an older activation of a process that shares the file', () => {
  const place = copyAt(join(folder, 'shared'))
  keepCopy(place, policyOf(2))
  keepCopy(place, policyOf(3))
  keepCopy(place, policyOf(2))
  expect(openSealed(envelopes, place.copy.read()!)?.activation.sequence).toBe(3)
  expect(statSync(place.copy.path).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder).filter((name) => name.startsWith('shared'))).toEqual(['shared'])
})

test('when the policy copy on disk cannot be written, a copy of an older policy is removed, and a copy of the same policy stays', () => {
  // The name of the temporary file is longer than a file name may be.
  const place = copyAt(join(folder, 'x'.repeat(240)))
  writeFileSync(place.copy.path, JSON.stringify(policyOf(2).sealed))
  keepCopy(place, policyOf(2))
  expect(existsSync(place.copy.path)).toBe(true)
  keepCopy(place, policyOf(3))
  expect(existsSync(place.copy.path)).toBe(false)
  expect(place.said).toEqual(Array.from({ length: 2 }, () => 'the copy of the active policy cannot be written'))
})

test('a truncated policy copy on disk is reported as not authentic, and a missing copy as missing', () => {
  const { copy } = copyAt(join(folder, 'truncated'))
  expect(copy.read()).toBeUndefined()
  writeFileSync(copy.path, JSON.stringify(policyOf(2).sealed).slice(0, -40))
  expect(openSealed(envelopes, copy.read()!)).toBeUndefined()
})

test('a policy copy on disk that cannot be read causes an error that names the file', () => {
  const read = () => new PolicyCopy(folder).read()

  expect(read).toThrow(/cannot be read \(EISDIR\)/)
  expect(read).toThrow(folder)
})

test('a sealed policy envelope with changed spelling or of another kind is rejected as forged', () => {
  const sealed = envelopes.seal('candidate', 'body')
  expect(envelopes.open('candidate', sealed)).toEqual({ body: 'body', key: 'k1' })
  expect(envelopes.open('candidate', sealed.replace('{', '{ '))).toEqual({ fault: 'forged' })
  expect(envelopes.open('candidate', sealed.replace('","body"', '=","body"'))).toEqual({ fault: 'forged' })
  expect(envelopes.open('revision', sealed)).toEqual({ fault: 'forged' })
})
