/** A request field in which a service receives a claim of the user, unsigned. */
export interface IdentityField {
  /** Name of the request field, in lower case. */
  readonly name: string
  /** Path of the claim that the request field carries; `undefined`: the field carries the subject. */
  readonly path: readonly string[] | undefined
  /** Whether the claim is a list of groups. The field then contains the groups, joined with commas. */
  readonly list: boolean
}
