// S-075: client ids and secrets in `Authorization: Basic` (RFC 6749 §2.3.1, RFC 7617 §2).

import { expect, test } from 'vitest'
import { readBasicCredentials } from '../../../gateway/oauth/basic-credentials.ts'

const encoded = (pair: string | Buffer) => Buffer.from(pair as string).toString('base64')

test.each([
  ['a plain pair', 'batch:secret', 'batch', 'secret'],
  ['a secret with colons: the pair is split at the first one', 'user:pa:ss', 'user', 'pa:ss'],
  ['a form-encoded pair', 'cl%3Aient:a+b%2Bc%25', 'cl:ient', 'a b+c%'],
  ['lower-case percent-encoding', 'a%3ab:s', 'a:b', 's'],
])('S-075: the client id and secret of an Authorization: Basic field with %s are decoded', (_, pair, id, secret) => {
  expect(readBasicCredentials(encoded(pair))).toEqual({ id, secret })
})

test.each([
  ['text that is not base64', '****'],
  ['base64 without its padding', encoded('ab:c').replaceAll('=', '')],
  ['base64 with bits after its end', 'YTpiYx=='],
  ['base64url', Buffer.from('a:\x7e\x7f\xff', 'latin1').toString('base64url')],
  ['an empty text', ''],
  ['a pair without a colon', encoded('secret')],
  ['an empty client id', encoded(':secret')],
  ['an empty secret', encoded('batch:')],
  ['a character that is not ASCII', encoded('batch:sécret')],
  ['a percent-encoded character that is not ASCII', encoded('batch:s%C3%A9cret')],
  ['a percent-encoded NUL', encoded('batch:a%00b')],
  ['a line break', encoded('batch:a\r\nb')],
  ['a percent sign without two digits', encoded('batch:100%zz')],
  ['a pair above 2048 characters', encoded(`batch:${'x'.repeat(2048)}`)],
])('S-075: an Authorization: Basic field with %s is malformed', (_, text) => {
  expect(readBasicCredentials(text)).toBeUndefined()
})
