import { openApiDocument } from '../../gateway/admin/openapi.ts'
import { operations } from '../../gateway/admin/operations.ts'
import { packageVersion } from '../../gateway/base/version.ts'
import { jsonSchema } from '../../gateway/config/json-schema.ts'
import { auditFieldsPage } from './audit-fields-page.ts'
import { cliPage } from './cli-page.ts'
import { configurationPage } from './configuration-page.ts'
import { errorsPage } from './errors-page.ts'
import { metricsPage } from './metrics-page.ts'
import { reasonsPage } from './reasons-page.ts'

/** All that is written from the sources: texts by their path under docs/. The same each time. */
export async function generatedPages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['audit-fields.md', auditFieldsPage()],
    ['cli.md', await cliPage()],
    ['configuration.md', configurationPage()],
    ['errors.md', await errorsPage()],
    ['metrics.md', metricsPage()],
    ['openapi.json', json(openApiDocument(operations, packageVersion))],
    ['reasons.md', reasonsPage()],
    ['schema/gatehouse.schema.json', json(jsonSchema('settings'))],
    ['schema/policy.schema.json', json(jsonSchema('policy'))],
  ])
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
