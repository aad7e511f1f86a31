import { z } from 'zod'
import { type Denial, denial } from '../../base/denial.ts'
import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import { statementFields, statementPrefixes } from '../../base/statement-fields.ts'
import { text } from '../../config/text-schemas.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { allOf } from './all.ts'
import { formatLists } from './names.ts'
import { conditionText, requirementKind } from './requirement-kind.ts'

const mismatch = denial('header-mismatch')
/**
 * Matches a non-ASCII character. The gate's listener trims such bytes from the ends of a field value, and some services
 * treat them as white space inside a value.
 */
const aboveAscii = /[^\x00-\x7f]/

/**
 * Request fields that a requirement must not use: fields that carry credentials, fields that only the gate or a proxy
 * sets, and fields that frame or route the message. User-Agent is excluded because clients choose it freely, which has
 * caused an authentication bypass before (GHSA-5hvv-m4w4-gf6v).
 */
const reserved = new Set([
  ...statementFields,
  ...`authorization dpop cookie
  connection keep-alive te trailer transfer-encoding content-length upgrade expect http2-settings proxy host via
  x-request-id traceparent tracestate baggage user-agent`.split(/\s+/),
])

/**
 * Whether a request field carries credentials, is set by the gate or a proxy only, or frames or routes the message.
 *
 * @param name  name of the field in lower case
 */
export function isReservedField(name: string): boolean {
  return reserved.has(name) || statementPrefixes.some((prefix) => name.startsWith(prefix))
}

/** Schema of the name of a request field that a requirement can use (RFC 9110 §5.1). The name is case-insensitive. */
const fieldName = text('the name of a request field, of letters, digits and -', /^[0-9A-Za-z-]{1,128}$/).refine(
  (name) => !isReservedField(name.toLowerCase()),
  { error: 'must not be a field that carries credentials, or by which gate, proxies or the protocol speak' },
)

/**
 * Schema of a request field value in a header requirement. Leading and trailing blanks are not part of a value (RFC
 * 9110 §5.5).
 */
const fieldValue = text('a field value, without blanks at its ends', /^(?! )[^\x00-\x1f\x7f]{1,1024}(?<! )$/)

export const headers = requirementKind({
  key: 'headers',
  schema: z
    .record(
      fieldName,
      z.strictObject({
        any: z
          .array(fieldValue)
          .min(1)
          .describe('Accepted values of the field. The field must occur exactly once, with one of these values.'),
      }),
    )
    .refine((fields) => Object.keys(fields).length > 0, {
      error: 'must state a condition: the name of a field',
      params: { code: 'GH_POLICY_REQUIREMENT' },
    })
    .describe(
      'Header fields of the request. Every listed field must match. Any client can send any value, so a field proves ' +
        'nothing about the client: use it beside other requirements, never instead of them.',
    ),
  reasons: ['header-mismatch'],
  compile: (fields, { path, names, negated }) => {
    for (const name of Object.keys(fields)) names.fieldNamed(name.toLowerCase())
    return allOf(
      Object.entries(fields).map(([name, { any }]) => new Field(name.toLowerCase(), any, negated)),
      path,
    )
  },
  conditions: (fields) => Object.entries(fields).map((field) => conditionText('header', field)),
})

/**
 * Requirement that is met by a request field that occurs once, with one of the listed values. Denies 403 `forbidden`.
 *
 * A field is ambiguous if the service could read it differently from the gate (CVE-2026-26308). This applies to a field
 * that repeats, has an alias, or is a list with a listed value. It also applies to non-ASCII text that is not a listed
 * value. An ambiguous field always leads to a denial: the requirement counts as unmet, or as met inside an odd number
 * of `not`.
 */
class Field implements Requirement {
  readonly demand: string
  readonly reason = 'header-mismatch'
  readonly subRequirements = []
  readonly #name: string
  readonly #values: ReadonlySet<string>
  readonly #ifUnclear: Denial | undefined

  /**
   * @param name     name of the request field, in lower case
   * @param negated  true inside an odd number of `not`, where an unmet requirement helps the client
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

  /**
   * Whether a field value is a list that contains a value of the requirement. Several lines of one field form one list,
   * and one line can contain a list (RFC 9110 §5.3).
   */
  #isInList(value: string): boolean {
    return value.includes(',') && value.split(',').some((member) => this.#values.has(trimOptionalWhitespace(member)))
  }
}
