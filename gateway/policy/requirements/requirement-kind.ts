import type { z } from 'zod'
import type { Reason } from '../../base/reasons.ts'
import type { DocumentPath } from '../../config/problem.ts'
import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { Requirement } from '../snapshot.ts'

/**
 * One parsed requirement of a policy: an object with the keys of one requirement kind. Only the code of that kind knows
 * the types of the values.
 */
export interface RequirementTree {
  readonly [key: string]: unknown
}

/** Resolves the names that a requirement uses, and reports unknown names. */
export interface RequirementNames {
  /** Called for each role that a requirement names. */
  roleNamed(role: string, path: DocumentPath): void
  /** Called for each scope that a client can request to meet the requirement. */
  scopeNamed(scope: string): void
  /**
   * Finds an issuer of the service.
   *
   * @param name  `undefined` means the only issuer of the service
   * @returns `undefined` when there is no such issuer; a problem has been reported
   */
  issuerOf(name: string | undefined, path: DocumentPath): IssuerRules | undefined
  /**
   * Finds an issuer of the service where browsers log in.
   *
   * @returns `undefined` when it does not exist or does not allow logins; a problem has been reported
   */
  loginIssuer(name: string, path: DocumentPath): IssuerRules | undefined
}

export interface CompileContext {
  /** Place of the value in the policy, for problems. */
  readonly path: DocumentPath
  /** True under an odd number of `not`: the client gains when the requirement is not met. */
  readonly negated: boolean
  readonly names: RequirementNames
  /** Compiles a requirement inside this one. `negated` stays the same unless it is given. */
  compile(tree: RequirementTree, path: DocumentPath, negated?: boolean): Requirement
}

export interface PrintContext {
  /** Name of the issuer that a requirement means when it names none; `undefined` when the service has several. */
  readonly soleIssuer: string | undefined
  print(tree: RequirementTree): object
}

export interface ConditionsContext {
  /** Id of the service: role names are valid only within it. */
  readonly service: string
  conditionsOf(tree: RequirementTree): readonly string[]
}

/** One kind of requirement. `requirement-kinds.ts` lists all kinds. */
export interface RequirementKind<R extends Reason = Reason> {
  readonly keys: readonly string[]
  /** Schemas of the keys. A kind with several keys accepts any combination of them. */
  schemas(requirement: z.ZodType<RequirementTree>): Readonly<Record<string, z.ZodType>>
  /** Reasons of the denials that requirements of this kind return. */
  readonly reasons: readonly R[]
  compile(tree: RequirementTree, context: CompileContext): Requirement
  /** Formats the requirement as a policy states it, with every default. */
  print(tree: RequirementTree, context: PrintContext): object
  /** The conditions that a request must all meet, one text each. Equal texts mean equal conditions. */
  conditions(tree: RequirementTree, context: ConditionsContext): readonly string[]
}

interface KindDefinition<Schema extends z.ZodType, R extends Reason> {
  /** Key under `require`. */
  readonly key: string
  /** A kind that contains requirements gets the schema of a requirement. `.describe()` becomes the reference. */
  readonly schema: Schema | ((requirement: z.ZodType<RequirementTree>) => Schema)
  readonly reasons: readonly R[]
  compile(value: z.output<Schema>, context: CompileContext): Requirement
  /** Default: the value as parsed. */
  print?(value: z.output<Schema>, context: PrintContext): unknown
  /** Default: the whole value is one condition. */
  conditions?(value: z.output<Schema>, context: ConditionsContext): readonly string[]
}

/** Defines a kind with one key. */
export function requirementKind<Schema extends z.ZodType, const R extends Reason>(
  definition: KindDefinition<Schema, R>,
): RequirementKind<R> {
  const { key, schema, reasons } = definition
  // `requirementTree` has parsed the value with this schema.
  const valueIn = (tree: RequirementTree) => tree[key] as z.output<Schema>
  return {
    keys: [key],
    schemas: (requirement) => ({ [key]: typeof schema === 'function' ? schema(requirement) : schema }),
    reasons,
    compile: (tree, context) => definition.compile(valueIn(tree), { ...context, path: [...context.path, key] }),
    print: (tree, context) => ({ [key]: definition.print?.(valueIn(tree), context) ?? valueIn(tree) }),
    conditions: (tree, context) =>
      definition.conditions?.(valueIn(tree), context) ?? [conditionText('requirement', { [key]: valueIn(tree) })],
  }
}

type Values<Schemas extends Readonly<Record<string, z.ZodType>>> = {
  readonly [Key in keyof Schemas]?: z.output<Schemas[Key]> | undefined
}

interface CombinedDefinition<Schemas extends Readonly<Record<string, z.ZodType>>, R extends Reason> {
  readonly schemas: Schemas
  readonly reasons: readonly R[]
  /** @param values  of the keys that the policy sets: at least one */
  compile(values: Values<Schemas>, context: CompileContext): Requirement
  print(values: Values<Schemas>): object
}

/** Defines a kind with several keys that are evaluated together. */
export function combinedKind<Schemas extends Readonly<Record<string, z.ZodType>>, const R extends Reason>(
  definition: CombinedDefinition<Schemas, R>,
): RequirementKind<R> {
  const valuesIn = (tree: RequirementTree) => tree as Values<Schemas>
  return {
    keys: Object.keys(definition.schemas),
    schemas: () => definition.schemas,
    reasons: definition.reasons,
    compile: (tree, context) => definition.compile(valuesIn(tree), context),
    print: (tree) => definition.print(valuesIn(tree)),
    conditions: (tree) => [conditionText('requirement', tree)],
  }
}

/** Text of a condition for `RequirementKind.conditions`. */
export function conditionText(kind: string, value: unknown): string {
  return `${kind} ${JSON.stringify(value)}`
}

/** Stops the compilation: a requirement without a condition would admit everyone, even if the schema accepted it. */
export function withoutCondition(path: DocumentPath): never {
  throw new TypeError(`a requirement without a condition at ${path.join('.')}`)
}
