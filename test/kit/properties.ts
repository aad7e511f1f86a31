import fc from 'fast-check'

/** Number of generated cases for each property. For a longer run set, for example, `GATEHOUSE_PROPERTY_RUNS=10000`. */
export const propertyRuns = said('GATEHOUSE_PROPERTY_RUNS', 1) ?? 300

/**
 * The seed is the same in every run, so that only a change of the code changes the result. It differs in each run with
 * more than 300 cases, and `GATEHOUSE_PROPERTY_SEED` sets it. A failure names its seed.
 */
fc.configureGlobal({
  seed: said('GATEHOUSE_PROPERTY_SEED', -(2 ** 31)) ?? (propertyRuns > 300 ? Date.now() | 0 : 20_261_127),
})

export { fc }

/**
 * Reads an integer from an environment variable. @throws {Error} for other text, with which no case would run or fail
 */
function said(name: string, least: number): number | undefined {
  const text = process.env[name]
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value >= 2 ** 31) {
    throw new Error(`${name}=${text}: must be a whole number from ${least} on`)
  }
  return value
}
