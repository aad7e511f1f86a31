import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { Argument, Command } from 'commander'
import { addHelp } from './help.ts'
import { exitCodes, Output, type OutputFormat, outputOption } from './output.ts'

const keyKinds = ['assertion', 'encryption', 'audit'] as const

type KeyKind = (typeof keyKinds)[number]

/** `gatehouse keys generate`: prints one new secret and does not store it. */
export function keysCommand(): Command {
  const command = new Command('keys').description('Make the keys that nodes share')
  const generate = new Command('generate')
    .description('Print a new secret key; nothing is stored')
    .addArgument(
      new Argument(
        '<kind>',
        'assertion: signs what services are told; encryption: encrypts what is stored; audit: seals the audit log',
      ).choices(keyKinds),
    )
    .addOption(outputOption())
    .action((kind: KeyKind, { output }: { output: OutputFormat }) => {
      printKey(kind, new Output(output))
    })
  command.addCommand(
    addHelp(
      generate,
      [
        { run: '(umask 077; gatehouse keys generate assertion > assertion.jwk)', does: 'a file for one user alone' },
        { run: 'gatehouse keys generate encryption', does: '32 random bytes in base64url' },
      ],
      { [exitCodes.invalid]: 'the key could not be made' },
    ),
  )
  return addHelp(command, [
    { run: 'gatehouse keys generate assertion', does: 'a private EC P-256 key as JWK' },
    { run: 'gatehouse keys generate --help', does: 'more about it' },
  ])
}

/** In both formats the secret is one line, ready for a file or a secret store. */
function printKey(kind: KeyKind, output: Output): void {
  const secret = kind === 'assertion' ? assertionKey() : randomBytes(32).toString('base64url')
  output.line(secret)
  output.document({ kind, secret })
}

/** A private P-256 key as JWK (RFC 7518 §6.2), on one line. */
function assertionKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y, d } = privateKey.export({ format: 'jwk' })
  return JSON.stringify({ kty, crv, x, y, d, kid: randomBytes(9).toString('base64url'), alg: 'ES256', use: 'sig' })
}
