import { expect, test } from 'vitest'
import { revokeUnderLoad } from './revoke-under-load.ts'

// Revokes many tokens one after another while the nodes serve requests. GATEHOUSE_TEST_LONG=1 selects the long variant
// (README.md).

const long = process.env['GATEHOUSE_TEST_LONG'] === '1'

test.runIf(long)(
  '8 nodes under load admit no revoked token after the receipt of its revocation, in 1000 revocations',
  { timeout: 300_000 },
  async () => {
    const result = await revokeUnderLoad(8, 1000, 200)
    console.log(result)
    expect(result).toMatchObject({ admitted: 0, tries: 8000 })
  },
)

test.runIf(!long)(
  '4 nodes under load admit no revoked token after the receipt of its revocation, in 100 revocations',
  { timeout: 300_000 },
  async () => {
    expect(await revokeUnderLoad(4, 100, 100)).toMatchObject({ admitted: 0, tries: 400 })
  },
)
