import { z } from 'zod'
import { filePath } from './file-path.ts'
import { type OwnerGrant, ownerSettings } from './owner-settings.ts'
import { addProblem } from './settings-context.ts'

const restart = { reload: 'restart' } as const

const keys = z.strictObject({
  source: z
    .enum(['file', 'cluster'])
    .prefault('file')
    .describe(
      'Source of the policy. file: the node watches `path` and applies changes without a failed request. cluster: all ' +
        'nodes enforce the active revision in Redis, which `gatehouse apply` and `gatehouse rollback` change. Default file.',
    )
    .meta(restart),
  path: filePath
    .optional()
    .describe(
      'The policy: a file, or a folder of *.yaml files. Relative to the folder of the settings file. Required with ' +
        '`source: file`.',
    )
    .meta(restart),
  seed: filePath
    .optional()
    .describe(
      'With `source: cluster`: policy that becomes revision 1 when the cluster has no policy; ignored afterwards. A file, ' +
        'or a folder of *.yaml files. Relative paths in revisions are resolved against the folder of the seed. Default ' +
        'none: the node waits for the first revision, and relative paths are resolved against the folder of `copy`.',
    )
    .meta(restart),
  copy: filePath
    .optional()
    .describe(
      'With `source: cluster`, required: file in which the node stores the active revision. The node starts from it while ' +
        'Redis is unavailable, and restores Redis from it after a loss of data. Keep it on a disk that survives a restart.',
    )
    .meta(restart),
  owners: ownerSettings,
})

/** Source of the policy of a node or worker: a file or folder, or the cluster. Paths are absolute. */
export type PolicySettings =
  | { readonly source: 'file'; readonly path: string }
  | {
      readonly source: 'cluster'
      readonly seed: string | undefined
      readonly copy: string
      readonly owners: Readonly<Record<string, OwnerGrant>>
    }

/** Schema of the settings `policy`: the source of the policy. */
export const policySettings = keys.transform(({ source, path, seed, copy, owners }, ctx): PolicySettings => {
  const missing = (key: 'path' | 'copy', hint: string): never => {
    addProblem(ctx, { code: 'GH_CONFIG_MISSING', message: `is required with source: ${source}`, path: [key], hint })
    return z.NEVER
  }
  const surplus = (key: 'path' | 'seed' | 'copy' | 'owners'): void => {
    const hint = key === 'path' ? 'use seed for the first revision' : 'set source: cluster, or remove the key'
    addProblem(ctx, { code: 'GH_CONFIG_VALUE', message: `must not be set with source: ${source}`, path: [key], hint })
  }
  if (source === 'file') {
    if (seed !== undefined) surplus('seed')
    if (copy !== undefined) surplus('copy')
    if (Object.keys(owners).length > 0) surplus('owners')
    return path === undefined ? missing('path', 'set the path of the policy file or folder') : { source, path }
  }
  if (path !== undefined) surplus('path')
  if (copy === undefined) return missing('copy', 'set a file on a disk that survives a restart')
  return { source, seed, copy, owners }
})
