import fc from 'fast-check'

/** Generated cases of each property. More of them for a night: `GATEHOUSE_PROPERTY_RUNS=10000`. */
export const propertyRuns = said('GATEHOUSE_PROPERTY_RUNS', 1) ?? 300

/**
 * The same cases in every run, so that a change is judged by itself and not by the dice; other ones where more are asked for, or
 * by `GATEHOUSE_PROPERTY_SEED`. A failure names its seed.
 */
fc.configureGlobal({
  seed: said('GATEHOUSE_PROPERTY_SEED', -(2 ** 31)) ?? (propertyRuns > 300 ? Date.now() | 0 : 20_261_127),
})

export { fc }

/** @throws {Error} what is no number would be no case at all, and no failure */
function said(name: string, least: number): number | undefined {
  const text = process.env[name]
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value >= 2 ** 31) {
    throw new Error(`${name}=${text}: must be a whole number from ${least} on`)
  }
  return value
}
