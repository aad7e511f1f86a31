import fc from 'fast-check'

/** Generated cases of each property. More of them for a night: `GATEHOUSE_PROPERTY_RUNS=10000`. */
export const propertyRuns = Number(process.env['GATEHOUSE_PROPERTY_RUNS'] ?? 300)

const named = process.env['GATEHOUSE_PROPERTY_SEED']

/**
 * The same cases in every run, so that a change is judged by itself and not by the dice; other ones where more are asked for, or
 * by `GATEHOUSE_PROPERTY_SEED`. A failure names its seed.
 */
fc.configureGlobal({ seed: named === undefined ? (propertyRuns > 300 ? Date.now() | 0 : 20_261_127) : Number(named) })

export { fc }
