import { createHash } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePort } from './ports.ts'
import { signingKey } from './signing-key.ts'

/** A temporary folder with the files from which a node starts: gatehouse.yaml, policy.yaml, assertion.jwk. */
export class NodeFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'gatehouse-test-'))

  /** Path of a file in the folder. */
  file(name: string): string {
    return join(this.path, name)
  }

  /** Writes the settings of the tests, with top-level keys overridden by `settings`; `undefined` removes a key. */
  writeSettings(settings: Readonly<Record<string, unknown>>): void {
    writeFileSync(this.file('assertion.jwk'), JSON.stringify(signingKey('ES256').privateJwk), { mode: 0o600 })
    const usual = {
      node: { id: 'node-under-test' },
      // Not port 0: the kernel could assign a port that it chose itself to another socket before the node listens on
      // it.
      listen: `127.0.0.1:${freePort()}`,
      admin: { listen: '127.0.0.1:0' },
      policy: { source: 'file', path: this.file('policy.yaml') },
      // A busy test machine overloads nodes. Only tests of the overload protection shed requests.
      overload: { mode: 'observe', delay: '100ms' },
      keys: { assertion: [{ id: 'test-1', secret: { file: this.file('assertion.jwk') } }] },
    }
    writeFileSync(this.file('gatehouse.yaml'), yaml({ ...usual, ...settings }))
  }

  /**
   * Replaces the policy file atomically, as a deployment does. A string is written unchanged.
   *
   * @returns the revision: the first 12 hex digits of the SHA-256 of the text
   */
  writePolicy(policy: object | string): string {
    const text = typeof policy === 'string' ? policy : yaml(policy)
    writeFileSync(this.file('policy.yaml.new'), text)
    renameSync(this.file('policy.yaml.new'), this.file('policy.yaml'))
    return createHash('sha256').update(text).digest('hex').slice(0, 12)
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Formats YAML without aliases, even when a test uses an object twice. */
function yaml(document: object): string {
  return stringify(document, { aliasDuplicateObjects: false })
}
