import { stuckTasks, type StuckEvent } from './events.ts'

/** Names, in a warning of the process, the tasks that go on although they were told to stop. */
export function warnOfStuck(event: StuckEvent): void {
  const { group, tasks, afterMs, abandoned } = event
  const seconds = afterMs / 1000
  const message = `Told to stop ${seconds} s ago, in the group "${group}" still run: ${listNames(tasks)}`
  const detail = abandoned ? 'The group no longer waits for them.' : 'The group waits for them.'
  process.emitWarning(message, { type: 'AplombWarning', code: 'APLOMB_TASKS_STUCK', detail })
  if (stuckTasks.hasSubscribers) stuckTasks.publish(event)
}

/** Names for a message, not more than a screen can show. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 20).join(', ')
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown
}
