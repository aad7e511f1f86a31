import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { formatSize } from '../base/size.ts'
import { filePath } from './file-path.ts'
import { statedTime } from './stated-expiry.ts'
import { unreadableText } from './unreadable-text.ts'

/** Location of a secret: an environment variable or a file. It never contains the secret itself. */
export interface SecretReference {
  readonly env?: string | undefined
  readonly file?: string | undefined
  readonly expires?: string | undefined
}

const form = '{ env: NAME } or { file: PATH }'
/** Error message for a value that is not a reference to a secret. */
export const secretReferenceError = `must be ${form}`
const secretMaxBytes = 65_536

export const secretReference = z
  .strictObject(
    {
      env: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be the name of an environment variable' })
        .optional()
        .describe(
          'Name of the environment variable that contains the secret. A variable keeps its value until a restart.',
        )
        .meta({ reload: 'live' }),
      file: filePath
        .optional()
        .describe(
          'Path of the file that contains the secret, relative to the folder of the document. A changed file is read ' +
            'within a second. Recommended mode: 0600.',
        )
        .meta({ reload: 'live' }),
      expires: statedTime
        .optional()
        .describe(
          'Time at which the secret ends, as its issuer states it: a date (its start in UTC) or an RFC 3339 time. ' +
            '`gatehouse expiry`, a metric and warnings in the log remind of it; the gate continues to use the secret after this time. ' +
            'Default: not stated.',
        )
        .meta({ reload: 'live' }),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? secretReferenceError : undefined) },
  )
  .refine(({ env, file }) => (env === undefined) !== (file === undefined), { error: `must be one of ${form}` })
  .meta({ secret: true })

/** Collects the names of the environment variables that `{ env: NAME }` refers to anywhere in a document. */
export function referredVariables(document: unknown, names = new Set<string>()): Set<string> {
  if (typeof document !== 'object' || document === null) return names
  for (const [key, inner] of Object.entries(document)) {
    if (key === 'env' && typeof inner === 'string') names.add(inner)
    else referredVariables(inner, names)
  }
  return names
}

/** Result of reading a secret. The texts in `failure` and `warning` never contain a part of the secret. */
export interface SecretReading {
  readonly secret: string | undefined
  readonly failure: string | undefined
  readonly warning: string | undefined
}

/**
 * Reads a secret from an environment variable or a file. Removes one trailing newline, which editors add. Never throws.
 *
 * @param maxBytes  maximum size of the file. Default 64 KiB
 */
export function readSecret(
  ref: SecretReference,
  env: Environment,
  folder: string,
  maxBytes = secretMaxBytes,
): SecretReading {
  if (ref.env !== undefined) {
    const value = Object.hasOwn(env, ref.env) ? env[ref.env] : undefined
    return reading(value, `environment variable ${ref.env} is`, 'set it for this process')
  }
  const path = resolve(folder, ref.file!)
  try {
    const status = statSync(path)
    if (!status.isFile() || status.size > maxBytes)
      return failure(`${path} is not a regular file of at most ${formatSize(maxBytes)}: correct the path`)
    const warning =
      (status.mode & 0o007) === 0
        ? undefined
        : `secret file ${path} is accessible to every user of this machine: change its mode to 600`
    return { ...reading(readFileSync(path, 'utf8'), `${path} is`, 'write its content, or correct the path'), warning }
  } catch (error) {
    return failure(unreadableText(path, error))
  }
}

/**
 * Maximum size of a certificate file that is read like a secret, bytes: 1 MiB. A bundle of all public authorities has
 * about 230 KiB.
 */
const certificatesMaxBytes = 1_048_576

/**
 * Reads a certificate file like a secret, as {@link readSecret}, but with a higher size limit and without a warning.
 */
export function readCertificates(ref: SecretReference, env: Environment): SecretReading {
  return { ...readSecret(ref, env, '', certificatesMaxBytes), warning: undefined }
}

export type Environment = Readonly<Record<string, string | undefined>>

function reading(value: string | undefined, subject: string, remedy: string): SecretReading {
  const secret = value?.replace(/\r?\n$/, '')
  if (secret === undefined) return failure(`${subject} not set: ${remedy}`)
  return secret === '' ? failure(`${subject} empty: ${remedy}`) : { secret, failure: undefined, warning: undefined }
}

const failure = (message: string): SecretReading => ({ secret: undefined, failure: message, warning: undefined })
