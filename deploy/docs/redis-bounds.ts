import ts from 'typescript'
import { formatDuration } from '../../gateway/base/duration.ts'
import { commentTextOf, numbersOf, servingSources, tagOf } from './bounds.ts'

const sources = servingSources()
const numbers = constantsOf()

/** A kind of keys in Redis, or a channel: a public field or method of `RedisKeys`. */
export interface RedisKeyBound {
  readonly name: string
  readonly line: number
  /** First sentence of the comment. */
  readonly meaning: string
  /** Text of the tag `@stored`, links replaced by the values of the constants; `undefined` without a tag. */
  readonly bound: string | undefined
}

/**
 * Lists all kinds of keys in Redis. Only `RedisKeys` builds their names.
 *
 * The comment of each member of this class states a bound: `@stored NUMBER AND SIZE | LIFETIME | WHEN FULL | METRIC`.
 * `{@link NAME}` in it stands for the value of a numeric constant of any file, if all constants of this name are equal.
 *
 * @param text  source of the class, by default the one in the checkout
 */
export function redisKeyBounds(text?: string): readonly RedisKeyBound[] {
  const own = sources.find(({ path }) => path === 'gateway/redis/keys.ts')!.source
  const source = text === undefined ? own : ts.createSourceFile('keys.ts', text, ts.ScriptTarget.Latest, true)
  return source.statements
    .filter(ts.isClassDeclaration)
    .flatMap(({ members }) => [...members])
    .filter((member) => ts.isPropertyDeclaration(member) || ts.isMethodDeclaration(member))
    .filter(({ name }) => !ts.isPrivateIdentifier(name))
    .map((member) => ({
      name: member.name.getText(),
      line: source.getLineAndCharacterOfPosition(member.getStart()).line + 1,
      meaning: commentTextOf(member).replace(/\. .*$|\.$/, ''),
      bound: tagOf(member, 'stored')?.replace(/\{@link (\w+)\}/g, (link, name) => constantText(name) ?? link),
    }))
}

/** Returns all values of each numeric constant, by name. */
function constantsOf(): ReadonlyMap<string, ReadonlySet<number>> {
  const values = new Map<string, Set<number>>()
  for (const { source } of sources) {
    for (const [name, value] of numbersOf(source)) values.set(name, (values.get(name) ?? new Set()).add(value))
  }
  return values
}

function constantText(name: string): string | undefined {
  const [value, ...others] = numbers.get(name) ?? []
  if (value === undefined || others.length > 0) return undefined
  return name.endsWith('_MS') ? formatDuration(value) : value.toLocaleString('en')
}
