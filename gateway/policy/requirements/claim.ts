import { type Denial, denial } from '../../base/denial.ts'
import { claimAt } from '../claim-at.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import type { ClaimEntry, ClaimValue } from './claims-entry.ts'
import { formatLists } from './names.ts'

const mismatch = denial('claim-mismatch')

/**
 * Met by one claim of the token. The claim must equal or contain one value of `any`, and every value of `all`. Values
 * are compared with their type: neither `"1"` nor `true` equals `1`. Denies 403 `forbidden`.
 */
export class Claim implements Requirement {
  readonly demand: string
  readonly reason = 'claim-mismatch'
  readonly parts = []
  readonly #path: readonly string[]
  readonly #all: readonly ClaimValue[]
  readonly #any: ReadonlySet<unknown> | undefined

  constructor({ claim, all, any }: ClaimEntry) {
    this.demand = `claim ${formatPath(claim)} ${formatLists({ all, any }, (value) => JSON.stringify(value))}`
    this.#path = claim
    this.#all = all ?? []
    this.#any = any && new Set(any)
  }

  evaluate({ token }: RequirementInput): Denial | undefined {
    const claim = claimAt(token.claims, this.#path)
    const met = Array.isArray(claim) ? this.#inList(claim) : this.#isMetBy(claim)
    return met ? undefined : mismatch
  }

  #isMetBy(claim: unknown): boolean {
    for (const value of this.#all) if (claim !== value) return false
    return this.#any === undefined || this.#any.has(claim)
  }

  #inList(claim: readonly unknown[]): boolean {
    for (const value of this.#all) if (!claim.includes(value)) return false
    if (this.#any === undefined) return true
    for (const member of claim) if (this.#any.has(member)) return true
    return false
  }
}

/** Formats the path as the policy may write it. */
function formatPath(path: readonly string[]): string {
  return path.some((segment) => segment.includes('.')) ? JSON.stringify(path) : path.join('.')
}
