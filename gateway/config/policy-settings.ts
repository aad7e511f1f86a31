import { z } from 'zod'
import { filePath } from './file-path.ts'

/** Schema of the settings `policy`: source and path of the policy. */
export const policySettings = z.strictObject({
  source: z
    .literal('file')
    .prefault('file')
    .describe(
      'Source of the policy. file: the node watches the file and applies changes without a failed request. Default ' +
        'file.',
    )
    .meta({ reload: 'restart' }),
  path: filePath
    .describe('The policy: a file, or a folder of *.yaml files. Relative to the folder of the settings file.')
    .meta({ reload: 'restart' }),
})
