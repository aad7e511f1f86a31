import { Secrets } from '../../gateway/config/secrets.ts'

/** The secrets of a process whose environment is that of the test. They log nothing. */
export function processSecrets(): Secrets {
  return new Secrets({ env: process.env, log: () => {} })
}
