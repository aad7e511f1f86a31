/** Longest reason of a close frame, bytes: the payload of a control frame without the two bytes of the code. */
const REASON_MAX_BYTES = 123

/** Close code that stands for a close frame without a code. Never sent (RFC 6455 §7.4.1). */
export const NO_CODE = 1005

/**
 * Whether a close frame may contain this code: a code of RFC 6455 §7.4.1 or of the IANA registry, except those that are
 * never sent (1004, 1005, 1006, 1015), or a code for libraries and applications (3000 to 4999).
 */
export function isSendableCode(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006
}

/** Encodes the reason of a close frame, cut before the first character that exceeds 123 bytes. */
export function closeReason(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length <= REASON_MAX_BYTES) return bytes
  let end = REASON_MAX_BYTES
  // Cut only at the start of a UTF-8 character: a byte of the form 10xxxxxx continues the previous character.
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}
