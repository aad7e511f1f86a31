import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openApiDocument } from '../../gateway/admin/openapi.ts'
import { operations } from '../../gateway/admin/operations.ts'
import { packageVersion } from '../../gateway/base/version.ts'
import { documentSchemas } from '../../gateway/cli/document-schemas.ts'
import { jsonSchema } from '../../gateway/config/json-schema.ts'
import { auditFieldsPage } from './audit-fields-page.ts'
import { boundsPage } from './bounds-page.ts'
import { cliPage } from './cli-page.ts'
import { configurationPage } from './configuration-page.ts'
import { consoleOperations } from './console-operations.ts'
import { errorsPage } from './errors-page.ts'
import { marked } from './marked.ts'
import { metricsPage } from './metrics-page.ts'
import { operationsTable } from './operations-table.ts'
import { phaseChart } from './phase-chart.ts'
import { proxyOptionsPage } from './proxy-options-page.ts'
import { reasonsPage } from './reasons-page.ts'
import { requirementsPage } from './requirements-page.ts'

const docs = join(import.meta.dirname, '../../docs')
const gatewayReadme = '../gateway/README.md'
const consoleApi = '../gateway/console/api/operations.ts'
const adminApi = 'reference/admin-api.md'

/**
 * Returns the texts of the generated pages by their path relative to docs/. The same sources always give the same
 * texts.
 */
export async function generatedPages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    [gatewayReadme, marked(readFileSync(join(docs, gatewayReadme), 'utf8'), 'docs:phases', phaseChart())],
    [adminApi, marked(readFileSync(join(docs, adminApi), 'utf8'), 'docs:operations', operationsTable())],
    [consoleApi, consoleOperations(operations)],
    ['reference/audit-fields.md', auditFieldsPage()],
    ['reference/bounds.md', boundsPage()],
    ['reference/cli.md', await cliPage()],
    ['reference/configuration.md', configurationPage()],
    ['reference/errors.md', await errorsPage()],
    ['reference/metrics.md', metricsPage()],
    ['reference/oauth2-proxy.md', proxyOptionsPage()],
    ['reference/reasons.md', reasonsPage()],
    ['reference/requirements.md', requirementsPage()],
    ['reference/schema/gatehouse.schema.json', json(jsonSchema(documentSchemas.settings))],
    ['reference/schema/policy.schema.json', json(jsonSchema(documentSchemas.policy))],
    ['reference/schema/tests.schema.json', json(jsonSchema(documentSchemas.tests))],
  ])
}

/** Returns the documents that are published but not committed: texts by their path relative to docs/. */
export async function publishedFiles(): Promise<ReadonlyMap<string, string>> {
  return new Map([['reference/openapi.json', json(await openApiDocument(operations, packageVersion))]])
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
