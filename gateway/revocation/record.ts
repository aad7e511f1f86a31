/**
 * Size of a revocation record, bytes. Redis, the event log and the replicas use the same big-endian format: hash of the
 * revoked identity (16 bytes); `before`, the record matches tokens issued before this time (4 bytes, s since the Unix
 * epoch); `expires`, no credential that the record matches is valid after this time (4 bytes, s since the Unix epoch).
 */
export const RECORD_BYTES = 24

/** Value of `before` in a revocation record that matches a token whatever its time of issue. */
export const ANY_TIME = 0xffff_ffff

const BEFORE_AT = 16
const EXPIRES_AT = 20

export function writeRecord(hash: Buffer, beforeS: number, expiresS: number): Buffer {
  const record = Buffer.alloc(RECORD_BYTES)
  hash.copy(record)
  record.writeUInt32BE(beforeS, BEFORE_AT)
  record.writeUInt32BE(expiresS, EXPIRES_AT)
  return record
}

export function expiryOf(records: Buffer, at: number): number {
  return records.readUInt32BE(at + EXPIRES_AT)
}

const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86_400

/**
 * Returns when the Redis key that stores a record expires, s since the Unix epoch. Rounds up to whole minutes, or to
 * whole hours for a record that lasts more than a day, and adds one minute for clock differences. Records with the same
 * rounded expiry share one key.
 */
export function bucketEndOf(expiresS: number, nowS: number): number {
  const widthS = expiresS - nowS > DAY_S ? HOUR_S : MINUTE_S
  return (Math.floor(Math.max(expiresS, nowS) / widthS) + 1) * widthS + MINUTE_S
}
