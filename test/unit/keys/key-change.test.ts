import { expect, test } from 'vitest'
import { KeyRings } from '../../../gateway/config/key-rings.ts'
import { ConfigError } from '../../../gateway/config/problem.ts'
import { KeyChange } from '../../../gateway/keys/key-change.ts'

const nowMs = Date.parse('2030-01-31T12:00:00Z')
const key = (id: string, value = id) => ({ id, secret: Buffer.alloc(32, value) })
const keysOf = (encryption: readonly ReturnType<typeof key>[], audit: readonly ReturnType<typeof key>[] = []) => ({
  assertion: [],
  encryption,
  audit,
  policy: [],
})

/** Checks a change of the keys k1, which writes, and k2. @returns the problems */
async function check(next: ReturnType<typeof keysOf>, neededUntilMs = 0): Promise<string[]> {
  const keyRings = new KeyRings(keysOf([key('k1'), key('k2')], [key('a1')]))
  const change = new KeyChange({ keyRings, neededUntilMs: () => neededUntilMs, nowMs: () => nowMs })
  try {
    await change.check(next)
    return []
  } catch (error) {
    return (error as ConfigError).problems.map(
      ({ code, path, message, hint }) => `${code} ${path}: ${message}; ${hint}`,
    )
  }
}

test.each([
  { change: 'unchanged keys', next: keysOf([key('k1'), key('k2')], [key('a1')]), problems: [] },
  {
    change: 'an added key and another order',
    next: keysOf([key('k3'), key('k2'), key('k1')], [key('a1')]),
    problems: [],
  },
  { change: 'the removal of a key that is no longer needed', next: keysOf([key('k1')], [key('a1')]), problems: [] },
  {
    change: 'the removal of a key that is needed',
    next: keysOf([key('k1')], [key('a1')]),
    neededUntilMs: nowMs + 1000,
    problems: [
      'GH_CONFIG_KEY_MISSING keys.encryption: key `k2` of keys.encryption is missing, but it is still in use: ' +
        'it is needed until 2030-01-31T12:00:01.000Z; restore the key',
    ],
  },
  {
    change: 'another value under the id of the writing key',
    next: keysOf([key('k1', 'other'), key('k2')], [key('a1')]),
    problems: [
      'GH_CONFIG_KEY_MISSING keys.encryption: key `k1` of keys.encryption has another value, but the old value is ' +
        'still in use: this process encrypts with it; restore the value, and add the new value under a new id',
    ],
  },
  {
    change: 'the removal of the writing keys of two kinds',
    next: keysOf([key('k2')]),
    problems: [
      expect.stringContaining('this process encrypts with it'),
      expect.stringContaining('this process seals with it'),
    ],
  },
])(
  'a reload with $change reports each lacking or changed key that is still in use, with the remedy',
  async ({ next, neededUntilMs, problems }) => {
    expect(await check(next, neededUntilMs)).toEqual(problems)
  },
)

test('a reload that drops a key is rejected when it cannot be determined whether the key is in use', async () => {
  const keyRings = new KeyRings(keysOf([key('k1'), key('k2')]))
  const unknown = new ConfigError([])
  const change = new KeyChange({ keyRings, neededUntilMs: () => Promise.reject(unknown) })

  await expect(change.check(keysOf([key('k1')]))).rejects.toBe(unknown)
})
