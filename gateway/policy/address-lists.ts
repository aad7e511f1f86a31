import { z } from 'zod'
import { holdsBlock, parseBlock } from '../base/address-blocks.ts'
import { parsedText } from '../config/text-schemas.ts'

const block = parsedText(
  'an address or a CIDR block such as 10.0.0.0/8, with no bits set behind the prefix',
  (written) => (parseBlock(written) === undefined ? undefined : written),
)

const lists = z.strictObject({
  allow: z
    .array(block)
    .min(1)
    .optional()
    .describe('Addresses or CIDR blocks: only clients in these blocks are admitted.'),
  deny: z
    .array(block)
    .min(1)
    .optional()
    .describe('Addresses or CIDR blocks: clients in these blocks are rejected, even if `allow` contains them.'),
})

/**
 * Lists of allowed and denied client addresses, as CIDR blocks or single addresses. At least one list is set, and no
 * list is empty.
 */
export type AddressLists = z.output<typeof lists>

/** Schema of the allowed and denied client addresses. */
export const addressLists = lists
  .refine(({ allow, deny }) => allow !== undefined || deny !== undefined, {
    error: 'must have allow or deny',
  })
  .refine((lists) => !deniesAll(lists), {
    error: 'deny covers every address that allow admits, so that every request would be rejected',
    params: { code: 'GH_POLICY_CONTRADICTION' },
  })

/**
 * Whether `deny` covers every address that `allow` admits, so that the lists admit no address. Compares block by block: an
 * allowed block counts as covered only if one single denied block contains all of it.
 */
function deniesAll({ allow = ['0.0.0.0/0', '::/0'], deny = [] }: AddressLists): boolean {
  const denied = deny.map((text) => parseBlock(text)!)
  return (
    allow.length > 0 &&
    allow.map((text) => parseBlock(text)!).every((allowed) => denied.some((outer) => holdsBlock(outer, allowed)))
  )
}
