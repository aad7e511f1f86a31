import { type Denial, denial } from '../../base/denial.ts'
import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { formatLists } from './names.ts'

const mismatch = denial('header-mismatch')
/** The listener trims such bytes from the ends of a value, and some services treat them as white space inside it. */
const aboveAscii = /[^\x00-\x7f]/

/**
 * Met by a request field that occurs once, with one of these values. Denies 403 `forbidden`.
 *
 * A field that repeats, has an alias, or is a list with a listed value may be read differently by the service
 * (CVE-2026-26308). The same applies to non-ASCII text that is not a listed value. Such an ambiguous field always leads
 * to a denial: it does not meet the requirement, and under `not` it meets it.
 */
export class Field implements Requirement {
  readonly demand: string
  readonly reason = 'header-mismatch'
  readonly parts = []
  readonly #name: string
  readonly #values: ReadonlySet<string>
  readonly #ifUnclear: Denial | undefined

  /**
   * @param name     in lower case
   * @param negated  true under an odd number of `not`: the client gains by not meeting the requirement
   */
  constructor(name: string, any: readonly string[], negated: boolean) {
    this.demand = `header ${name} ${formatLists({ any })}`
    this.#name = name
    this.#values = new Set(any)
    this.#ifUnclear = negated ? undefined : mismatch
  }

  evaluate(input: RequirementInput): Denial | undefined {
    const value = input.field(this.#name)
    if (value === null) return this.#ifUnclear
    if (value === undefined) return mismatch
    if (this.#values.has(value)) return undefined
    return this.#isInList(value) || aboveAscii.test(value) ? this.#ifUnclear : mismatch
  }

  /** Several lines form one list, and one line may hold a list (RFC 9110 §5.3). */
  #isInList(value: string): boolean {
    return value.includes(',') && value.split(',').some((member) => this.#values.has(trimOptionalWhitespace(member)))
  }
}
