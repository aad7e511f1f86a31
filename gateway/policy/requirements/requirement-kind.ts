import type { z } from 'zod'
import type { Reason } from '../../base/reasons.ts'
import type { DocumentPath } from '../../config/problem.ts'
import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { EmailList } from '../email-list.ts'
import type { CertificateCondition, Requirement } from '../snapshot.ts'

/**
 * One parsed requirement of a policy: an object with the keys of one requirement kind. Only the code of that kind knows
 * the types of the values.
 */
export interface RequirementTree {
  readonly [key: string]: unknown
}

/** Resolves the names that a requirement uses, and reports unknown names. */
export interface RequirementNames {
  /**
   * Called for each role that a requirement names.
   *
   * @returns name of the claim from which the service maps the role; `undefined` when the role does not exist
   */
  roleNamed(role: string, path: DocumentPath): string | undefined
  /** Called for each scope that a client can request to meet the requirement. */
  scopeNamed(scope: string): void
  /**
   * Finds an issuer of the service.
   *
   * @param name  name of the issuer; `undefined` for the only issuer of the service
   * @returns `undefined` when the service has no such issuer; a problem has then been reported
   */
  issuerOf(name: string | undefined, path: DocumentPath): IssuerRules | undefined
  /**
   * Finds an issuer of the service that allows logins.
   *
   * @returns `undefined` when the issuer does not exist or does not allow logins; a problem has then been reported
   */
  loginIssuer(name: string, path: DocumentPath): IssuerRules | undefined
  /** Called for each condition on a client certificate. @param negated  true inside an odd number of `not` */
  certificateNamed(condition: CertificateCondition, negated: boolean): void
  /** Called for each claim that a requirement examines. */
  claimNamed(path: readonly string[]): void
  /**
   * Returns the list of e-mail addresses in a file. The file is read when the policy takes effect.
   *
   * @param file  path as the policy states it
   */
  emailList(file: string, path: DocumentPath): EmailList
  /** Called for each relaxation of a requirement. @param key  the policy key that sets it, with its value */
  relaxed(key: string): void
  /** Called for each request field that a requirement examines. @param name  in lower case */
  fieldNamed(name: string): void
}

export interface CompileContext {
  /** Path of the requirement in the policy document, for problem reports. */
  readonly path: DocumentPath
  /** True inside an odd number of `not`, where an unmet requirement helps the client. */
  readonly negated: boolean
  readonly names: RequirementNames
  /** Compiles a sub-requirement. Default of `negated`: the value of the containing requirement. */
  compile(tree: RequirementTree, path: DocumentPath, negated?: boolean): Requirement
}

export interface PrintContext {
  /**
   * Name of the service's only issuer, for a requirement that names no issuer; `undefined` unless there is exactly one.
   */
  readonly soleIssuer: string | undefined
  print(tree: RequirementTree): object
}

export interface ConditionsContext {
  /** Id of the service. A role name is valid only within one service. */
  readonly service: string
  conditionsOf(tree: RequirementTree): readonly string[]
}

/** One kind of requirement, such as `scopes`. `requirement-kinds.ts` lists all kinds. */
export interface RequirementKind<R extends Reason = Reason> {
  readonly keys: readonly string[]
  /**
   * Returns the schemas of the policy keys of this kind. A kind with several keys accepts any combination of its keys.
   */
  schemas(requirement: z.ZodType<RequirementTree>): Readonly<Record<string, z.ZodType>>
  /** Reasons of the denials that requirements of this kind can return. */
  readonly reasons: readonly R[]
  compile(tree: RequirementTree, context: CompileContext): Requirement
  /** Formats the requirement as a policy states it, with every default filled in. */
  print(tree: RequirementTree, context: PrintContext): object
  /**
   * Returns the conditions of the requirement, one text each. A request must meet all conditions. Equal texts mean
   * equal conditions.
   */
  conditions(tree: RequirementTree, context: ConditionsContext): readonly string[]
}

interface KindDefinition<Schema extends z.ZodType, R extends Reason> {
  /** Key of the requirement under `require` in the policy. */
  readonly key: string
  /**
   * Schema of the requirement's value. A kind that contains requirements defines a function, which receives the schema
   * of a requirement. The text of `.describe()` appears in the generated reference.
   */
  readonly schema: Schema | ((requirement: z.ZodType<RequirementTree>) => Schema)
  readonly reasons: readonly R[]
  compile(value: z.output<Schema>, context: CompileContext): Requirement
  /** Formats the requirement's value as a policy states it. Default: the parsed value. */
  print?(value: z.output<Schema>, context: PrintContext): unknown
  /**
   * Returns the conditions that the requirement's value states, one text each. Default: the whole value is one
   * condition.
   */
  conditions?(value: z.output<Schema>, context: ConditionsContext): readonly string[]
}

/** Defines a kind of requirement that has one policy key. */
export function requirementKind<Schema extends z.ZodType, const R extends Reason>(
  definition: KindDefinition<Schema, R>,
): RequirementKind<R> {
  const { key, schema, reasons } = definition
  // Cast the value, which is safe: `requirementTree` has parsed the value with this schema.
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
  /** @param values  values of the keys that the policy sets; at least one key is set */
  compile(values: Values<Schemas>, context: CompileContext): Requirement
  print(values: Values<Schemas>): object
}

/** Defines a kind of requirement with several policy keys, which are evaluated together. */
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

/** Formats one condition of a requirement as text for `RequirementKind.conditions`. */
export function conditionText(kind: string, value: unknown): string {
  return `${kind} ${JSON.stringify(value)}`
}

/**
 * Stops the compilation with a TypeError. A requirement without a condition would admit every request, even if the
 * schema accepted it by mistake.
 */
export function withoutCondition(path: DocumentPath): never {
  throw new TypeError(`a requirement without a condition at ${path.join('.')}`)
}
