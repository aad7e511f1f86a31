/** Formats the identity of a limit window for people. */
export function bucketText(bucket: Readonly<Record<string, unknown>>): string {
  return Object.entries(bucket)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}
