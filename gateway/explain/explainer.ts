import type { IgnoredKey } from '../issuers/published-key.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { CountWindow } from './limit-view.ts'

/** Data and functions that an explanation needs in addition to the outcome of the dry run. */
export interface Explainer {
  /** Name of the node that runs the dry run; `undefined` when the CLI runs it without a node (offline). */
  readonly node: string | undefined
  readonly tokenMaxBytes: number
  /** True when the dry run verified token signatures with the issuers' keys. */
  readonly checksSignatures: boolean
  /** Returns the keys in an issuer's key set that cannot be used, each with the reason. */
  ignoredKeys(rules: IssuerRules): readonly IgnoredKey[]
  readonly count: CountWindow
}
