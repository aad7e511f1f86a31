import { type Denial, denial } from '../../base/denial.ts'
import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { formatLists } from './names.ts'

const mismatch = denial('header-mismatch')
/** The listener removes such bytes from the ends of a value, and services may take some inside of it for white space. */
const aboveAscii = /[^\x00-\x7f]/

/**
 * Met by a request field that comes once, with one of these values. Denies 403 `forbidden`.
 *
 * A field that comes twice, under an alias, or as a list with one of the values in it, is read in one way here and perhaps
 * in another by the service (CVE-2026-26308). So is one with text above ASCII that is not a listed value. It counts for the refusal: as no match, and under `not` as one.
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
   * @param negated  whether the client gains by not meeting it
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

  /** Several lines are one list, and one line may be several (RFC 9110 §5.3). */
  #isInList(value: string): boolean {
    return value.includes(',') && value.split(',').some((member) => this.#values.has(trimOptionalWhitespace(member)))
  }
}
