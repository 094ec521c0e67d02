/**
 * The conditions of PostgreSQL's appendix A that programs act on, by SQLSTATE; others go by their
 * class alone.
 */
const CONDITIONS: Readonly<Record<string, string>> = {
  '08': 'connection_exception',
  '0A000': 'feature_not_supported',
  '22': 'data_exception',
  '22001': 'string_data_right_truncation',
  '22003': 'numeric_value_out_of_range',
  '22007': 'invalid_datetime_format',
  '22012': 'division_by_zero',
  '22021': 'character_not_in_repertoire',
  '22P02': 'invalid_text_representation',
  '23': 'integrity_constraint_violation',
  '23001': 'restrict_violation',
  '23502': 'not_null_violation',
  '23503': 'foreign_key_violation',
  '23505': 'unique_violation',
  '23514': 'check_violation',
  '23P01': 'exclusion_violation',
  '25': 'invalid_transaction_state',
  '25006': 'read_only_sql_transaction',
  '25P02': 'in_failed_sql_transaction',
  '25P03': 'idle_in_transaction_session_timeout',
  '25P04': 'transaction_timeout',
  '26000': 'invalid_sql_statement_name',
  '28000': 'invalid_authorization_specification',
  '28P01': 'invalid_password',
  '34000': 'invalid_cursor_name',
  '3D000': 'invalid_catalog_name',
  '3F000': 'invalid_schema_name',
  '40001': 'serialization_failure',
  '40002': 'transaction_integrity_constraint_violation',
  '40003': 'statement_completion_unknown',
  '40P01': 'deadlock_detected',
  '42': 'syntax_error_or_access_rule_violation',
  '42501': 'insufficient_privilege',
  '42601': 'syntax_error',
  '42701': 'duplicate_column',
  '42703': 'undefined_column',
  '42704': 'undefined_object',
  '42710': 'duplicate_object',
  '42804': 'datatype_mismatch',
  '42883': 'undefined_function',
  '42P01': 'undefined_table',
  '42P02': 'undefined_parameter',
  '42P04': 'duplicate_database',
  '42P05': 'duplicate_prepared_statement',
  '42P07': 'duplicate_table',
  '53': 'insufficient_resources',
  '53100': 'disk_full',
  '53200': 'out_of_memory',
  '53300': 'too_many_connections',
  '54': 'program_limit_exceeded',
  '55': 'object_not_in_prerequisite_state',
  '55006': 'object_in_use',
  '55P03': 'lock_not_available',
  '57': 'operator_intervention',
  '57014': 'query_canceled',
  '57P01': 'admin_shutdown',
  '57P02': 'crash_shutdown',
  '57P03': 'cannot_connect_now',
  '57P04': 'database_dropped',
  '57P05': 'idle_session_timeout',
  '58': 'system_error',
  P0001: 'raise_exception',
  XX: 'internal_error'
}

/** The name of the condition, of its class, or undefined. */
export function conditionOf(sqlState: string | undefined): string | undefined {
  if (sqlState === undefined) return undefined
  return CONDITIONS[sqlState] ?? CONDITIONS[sqlState.slice(0, 2)]
}

/** The transaction was rolled back only because of others: the same again may well succeed. */
export function isSerializationFailure(sqlState: string | undefined): boolean {
  return sqlState === '40001' || sqlState === '40P01'
}

/** The server is there but not ready, or full: worth another try a little later. */
const CONNECT_AGAIN = new Set(['53300', '57P01', '57P02', '57P03', '08006', '08000', '08001'])

/** The name cannot be resolved, the port refuses, the socket is not there, the line broke. */
const NETWORK_AGAIN = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT'
])

/** Whether a failure to connect may pass by itself; a wrong password does not. */
export function mayConnectLater(code: string | undefined): boolean {
  return code === undefined || CONNECT_AGAIN.has(code) || NETWORK_AGAIN.has(code)
}
