/** Matches a value of the field `grpc-timeout`: a number and a unit (gRPC over HTTP/2, "Requests"). */
const timeout = /^([0-9]{1,8})([HMSmun])$/

/** Units of `grpc-timeout` and their lengths in ms, the smallest unit first. */
const units: Readonly<Record<string, number>> = { n: 1e-6, u: 1e-3, m: 1, S: 1000, M: 60_000, H: 3_600_000 }

/** Largest number in a value of `grpc-timeout`, which has at most 8 digits. */
const AMOUNT_MAX = 99_999_999

/** Reads a value of `grpc-timeout`. @returns the time, ms; `undefined` for a malformed value */
export function readGrpcTimeout(value: string): number | undefined {
  const [, amount, unit] = timeout.exec(value) ?? []
  return amount === undefined ? undefined : Number(amount) * units[unit!]!
}

/** Prints a time as value of `grpc-timeout`, rounded down in the smallest unit that can express it. @param ms  not negative */
export function printGrpcTimeout(ms: number): string {
  for (const [unit, unitMs] of Object.entries(units)) {
    const amount = Math.floor(ms / unitMs)
    if (unit !== 'n' && amount <= AMOUNT_MAX) return `${amount}${unit}`
  }
  return `${AMOUNT_MAX}H`
}
