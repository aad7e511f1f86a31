/**
 * A revocation as Redis, the log and every replica hold it, 24 bytes, big-endian: hash of what is revoked (16); `before`,
 * tokens issued before this second (4, s since the epoch); `expires`, from when on it matches nothing alive (4, s).
 */
export const RECORD_BYTES = 24

/** `before` of what is revoked whenever it was issued. */
export const WHENEVER = 0xffff_ffff

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
 * End of the bucket that a record lies in, s since the epoch: whole minutes, whole hours for what lives more than a day.
 * Never before a minute after the record's own end, since clocks differ.
 */
export function bucketEndOf(expiresS: number, nowS: number): number {
  const widthS = expiresS - nowS > DAY_S ? HOUR_S : MINUTE_S
  return (Math.floor(Math.max(expiresS, nowS) / widthS) + 1) * widthS + MINUTE_S
}
