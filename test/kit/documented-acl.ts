import { readFileSync } from 'node:fs'

const page = new URL('../../docs/guide/redis.md', import.meta.url)

/** Returns the rules of the Redis user that docs/guide/redis.md documents, as `ACL SETUSER` takes them. */
export function documentedAcl(): string[] {
  const [, rules] = /^user gate on >change-me (.*)$/m.exec(readFileSync(page, 'utf8')) ?? []
  if (rules === undefined) throw new Error('docs/guide/redis.md has no line that begins with: user gate on >change-me')
  return rules.split(' ')
}
