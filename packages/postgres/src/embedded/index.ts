export type { DatabaseRequest, EmbeddedDatabase } from './databases.ts'
export { EmbeddedPostgresError } from './errors.ts'
export type { EmbeddedPostgresOptions } from './options.ts'
export { startEmbeddedPostgres, type EmbeddedPostgres } from './server.ts'
