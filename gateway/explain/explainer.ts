import type { IgnoredKey } from '../issuers/published-key.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { CountWindow } from './limit-view.ts'

/** What whoever explains knows beside the outcome. */
export interface Explainer {
  /** `undefined`: offline. */
  readonly node: string | undefined
  readonly tokenMaxBytes: number
  /** The exchange was decided with keys at hand. */
  readonly checksSignatures: boolean
  /** Keys that are of no use for this issuer, and why. */
  ignoredKeys(rules: IssuerRules): readonly IgnoredKey[]
  readonly count: CountWindow
}
