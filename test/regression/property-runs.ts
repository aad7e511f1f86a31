/** Generated cases of each property. More of them for a night: `GATEHOUSE_PROPERTY_RUNS=10000`. */
export const propertyRuns = Number(process.env['GATEHOUSE_PROPERTY_RUNS'] ?? 300)
