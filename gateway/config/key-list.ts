/** How a secret of 32 random bytes is read. @returns the bytes, or what is wrong with them, without a word of them */
export function readRandomKey(form: string): (secret: string) => Buffer | string {
  return (secret) => {
    const bytes = Buffer.from(secret, 'base64url')
    return bytes.length === 32 && bytes.toString('base64url') === secret ? bytes : `is not ${form}`
  }
}
